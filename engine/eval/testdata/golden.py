#!/usr/bin/env python3
"""Writes golden.tsv: expressions, and what PostgreSQL answers to each.

    golden.py "host=/tmp/pg port=5433 user=postgres" > golden.tsv

It needs psql and a running PostgreSQL 15 or later, and changes nothing in it but a
function in pg_temp. The tests do not run it: they read golden.tsv.

A line of golden.tsv holds four fields, divided by tabs: the session's zone, the
expression, the type of its value, and the value as text. The type is ERROR where
PostgreSQL refuses the expression, and the value is then the SQLSTATE. Values of
PostgreSQL's numeric and real are written as double precision. \\N is NULL; \\\\ and \\n
in a value are a backslash and a line break.
"""

import itertools
import subprocess
import sys

TRY = r"""
SET client_min_messages = error;
SET datestyle = 'ISO, MDY';
CREATE FUNCTION pg_temp.try(e text) RETURNS text LANGUAGE plpgsql AS $try$
DECLARE t text; r text;
BEGIN
  EXECUTE 'SELECT pg_typeof(' || e || ')::text' INTO t;
  EXECUTE 'SELECT (' || CASE WHEN t IN ('numeric', 'real') THEN '(' || e || ')::float8' ELSE e END || ')::text' INTO r;
  RETURN t || E'\t' || coalesce(replace(replace(r, '\', '\\'), E'\n', '\n'), '\N');
EXCEPTION WHEN OTHERS THEN RETURN E'ERROR\t' || SQLSTATE;
END $try$;
"""

cases = []  # (zone, expression)


def add(*expressions, zone="UTC"):
    """Adds expressions as they are."""
    for e in expressions:
        cases.append((zone, e))


def each(template, *choices, zone="UTC"):
    """Adds the template for every combination of choices, which take the places {0}, {1}, ..."""
    for combination in itertools.product(*choices):
        cases.append((zone, template.format(*combination)))


NULL = "NULL"
INTS = ["0::bigint", "1::bigint", "'-1'::bigint", "7::bigint", "9223372036854775807", "'-9223372036854775808'::bigint", "NULL::bigint"]
FLOATS = ["0::float8", "'-0'::float8", "1.5::float8", "'-2.5'::float8", "1e308::float8", "1e-310::float8", "'Infinity'::float8",
          "'-Infinity'::float8", "'NaN'::float8", "NULL::float8"]


def numbers():
    each("{1} {0} {2}", ["+", "-", "*", "/", "%"], INTS, INTS)
    each("{1} {0} {2}", ["+", "-", "*", "/"], FLOATS, FLOATS)
    each("{1} {0} {2}", ["=", "<>", "<", "<=", ">", ">="], ["0::float8", "'-0'::float8", "'NaN'::float8", "'Infinity'::float8", "NULL::float8"],
         ["0::float8", "'NaN'::float8", "1.5::float8"])
    each("{1} {0} {2}", ["=", "<>", "<", "<=", ">", ">="], INTS[:3] + INTS[6:], INTS[:3] + INTS[6:])
    each("{1} {0} {2}", ["&", "|", "#", "<<", ">>"], ["5::bigint", "'-6'::bigint", "NULL::bigint"], ["3::bigint", "'-1'::bigint"])
    each("{1} {0} 65::int", ["<<", ">>"], ["5::bigint", "'-6'::bigint"])
    each("~ ({0})", INTS)
    each("- ({0})", INTS + FLOATS)
    each("+ ({0})", INTS[:3] + FLOATS[:3])
    each("abs({0})", INTS + FLOATS)
    each("{0}({1})", ["ceil", "ceiling", "floor", "trunc", "sign"], FLOATS + ["2.5", "-2.5", "0.5::float8", "'-0.5'::float8"])
    each("round({0})", ["2.5", "3.5", "-2.5", "0.5", "2.4", "1e20", "-0.4", "NULL::numeric", "'NaN'::numeric", "0.49999999999999994"])
    each("round({0}, {1})", ["2.345", "1.005", "-1.005", "1234.5678", "0.05", "NULL::numeric", "'NaN'::numeric", "99999.995"],
         ["2", "1", "0", "-1", "-2", "-5", "NULL::int"])
    each("trunc({0}, {1})", ["2.345", "-2.999", "1234.5678", "NULL::numeric", "0.29", "1e15"], ["2", "1", "0", "-1", "-2", "-5"])
    each("{0}({1})", ["sqrt", "cbrt", "exp", "ln", "log", "log10"],
         ["0::float8", "1::float8", "2::float8", "'-1'::float8", "100::float8", "1000::float8", "'Infinity'::float8", "'-Infinity'::float8", "'NaN'::float8", "NULL::float8"])
    each("log({0}, {1})", ["2.0", "10.0", "1.0", "0.0", "-1.0"], ["8.0", "1000.0", "0.0", "-3.0"])
    each("{0}({1}::float8, {2}::float8)", ["power", "pow"], ["0", "2", "'-2'", "'Infinity'", "'-Infinity'", "'NaN'", "1"], ["0", "3", "'-3'", "0.5", "'Infinity'", "'-Infinity'", "'NaN'"])
    each("{0}::float8 ^ {1}::float8", ["2", "10", "'-8'", "NULL"], ["10", "400", "'-400'", "0.5", "NULL"])
    add("2 ^ 3 ^ 2", "-2 ^ 2", "2 + 3 * 4", "(2 + 3) * 4", "7 / 2", "-7 / 2", "-7 % 3", "7.5 / 2.5", "10 - 4 - 3", "2 * 3 % 4", "1 + 2 = 3", "NOT 1 = 2")
    each("{0}({1}::bigint, {2}::bigint)", ["gcd", "lcm", "mod"], ["12", "'-12'", "0", "9223372036854775807", "'-9223372036854775808'", "NULL"], ["18", "0", "'-9223372036854775808'"])
    each("div({0}, {1})", ["7.0", "-7.0", "7.5", "NULL::numeric"], ["2.0", "-2.0", "0.0", "0.4"])
    each("mod({0}, {1})", ["7.5", "-7.5", "NULL::numeric"], ["2", "-2", "0"])
    each("{0}({1}::float8)", ["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "degrees", "radians"],
         ["0", "0.5", "1", "'-1'", "'NaN'", "NULL"])
    each("{0}({1}::float8)", ["sin", "cos", "tan", "cot"], ["'Infinity'", "'-Infinity'", "2", "100"])
    each("{0}(2::float8)", ["asin", "acos"])
    each("{0}({1}::float8)", ["atan", "sinh", "cosh", "tanh", "degrees"], ["'Infinity'", "'-Infinity'", "1e308"])
    each("atan2({0}::float8, {1}::float8)", ["0", "1", "'-1'", "NULL", "'Infinity'"], ["0", "1", "'-1'"])
    add("pi()", "sign(-3)", "sign(0)", "abs(-5)", "ceil(-0.5)", "exp(710::float8)", "exp('-800'::float8)", "round(-0.5::numeric)", "cot(0::float8)")
    each("width_bucket({0}::float8, {1}::float8, {2}::float8, {3})",
         ["5.35", "0", "10", "'-1'", "10.06", "NULL", "'NaN'", "'Infinity'", "'-Infinity'"], ["0.024", "10"], ["10.06", "0"], ["5", "0"])
    each("width_bucket({0}::float8, 0, 1, {1})", ["0.1", "0.3", "0.7", "0.9999999999999999"], ["10", "3", "'-1'::int"])
    add("width_bucket(1::float8, 2::float8, 2::float8, 3)", "width_bucket(1::float8, 'Infinity'::float8, 2::float8, 3)")
    add("9223372036854775807::bigint + 1", "abs('-9223372036854775808'::bigint)", "1::bigint / 0", "1 % 0", "1::float8 / 0", "0::float8 / 0", "'Infinity'::float8 / 0")
    add("3000000000", "1e3", "0.1::float8 + 0.2::float8", "1e308::float8 * 10", "'1e400'::float8", ".5", "5.")


def logic():
    three = ["true", "false", "NULL::boolean"]
    each("{1} {0} {2}", ["AND", "OR", "=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"], three, three)
    each("{0} IS {1}", three, ["TRUE", "NOT TRUE", "FALSE", "NOT FALSE", "UNKNOWN", "NOT UNKNOWN", "NULL", "NOT NULL"])
    each("NOT {0}", three)
    each("{0} AND {1} OR {2}", three, three, ["true", "NULL::boolean"])
    each("coalesce({0}, {1}, 3::bigint)", ["NULL::bigint", "1::bigint"], ["NULL::bigint", "2::bigint"])
    add("coalesce(NULL, NULL)", "coalesce(NULL, 'a')", "coalesce(1, 1 / 0)", "coalesce(NULL, 1.5, 2)", "coalesce(1, 'x')", "coalesce('1', 2)")
    each("nullif({0}, {1})", ["1::bigint", "NULL::bigint", "2::bigint"], ["1::bigint", "NULL::bigint"])
    add("nullif('a', 'b')", "nullif('a', 'a')", "nullif('NaN'::float8, 'NaN'::float8)", "nullif(0::float8, '-0'::float8)", "nullif('1 day'::interval, '24:00'::interval)", "nullif(1, 1.0)")
    each("{0}({1}, {2}, {3})", ["greatest", "least"], ["1::bigint", "NULL::bigint"], ["3::bigint", "NULL::bigint"], ["2::bigint", "NULL::bigint"])
    each("{0}({1})", ["greatest", "least"], ["1, 2.5", "'b', 'a', NULL", "'NaN'::float8, 1", "true, false", "'2024-01-02'::date, '2024-01-01'::date", "'1 mon'::interval, '31 days'::interval",
         "'2024-01-01'::timestamp, '2024-01-02'::date", "NULL, NULL", "'12:00'::time, '11:00'::time", "'2024-01-01'::timestamptz, NULL", "'A', 'a', 'B'", "1"])
    each("{0} IN (1, 2, NULL)", ["1", "3", "NULL::bigint"])
    each("{0} NOT IN (1, 2, NULL)", ["1", "3", "NULL::bigint"])
    each("{0} {1} (1, 2, 3)", ["1", "5", "NULL::bigint"], ["IN", "NOT IN"])
    add("'b' IN ('a', 'b')", "1.5 IN (1, 1.5)", "1 IN (1.0, 2)", "'NaN'::float8 IN ('NaN'::float8)", "0::float8 IN ('-0'::float8)", "'1 day'::interval IN ('24:00'::interval)",
        "'2024-01-01'::date IN ('2024-01-01', '2024-01-02')", "NULL IN (NULL)", "1 IN (2, 1 / 1)", "1 IN (1, 1 / 0)", "2 IN (1 + 1, NULL)", "true IN (false, NULL)", "(1, 2) IN ((1, 2), (3, 4))",
        "(1, NULL) = (2, 3)", "(1, 2) <> (1, 3)", "1 = ANY (ARRAY[1, 2])", "1 <> ALL (ARRAY[2, NULL])", "'a' IN (1)", "1 IN ('1', 2)")
    add("CASE WHEN true THEN 1 END", "CASE WHEN false THEN 1 END", "CASE WHEN NULL THEN 1 ELSE 2 END", "CASE 1 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "CASE 3 WHEN 1 THEN 'a' ELSE 'c' END",
        "CASE NULL::bigint WHEN NULL THEN 'n' ELSE 'e' END", "CASE WHEN true THEN 1 ELSE 2.5 END", "CASE WHEN true THEN NULL ELSE 2 END", "CASE WHEN 1 = 1 THEN 5 ELSE 1 / 0 END",
        "CASE WHEN true THEN 'a' ELSE 1 END", "CASE WHEN 1 THEN 2 END", "CASE WHEN false THEN 1::bigint WHEN true THEN 2.5::float8 ELSE NULL END",
        "CASE WHEN 1 = 2 THEN '2024-01-01'::date ELSE '2024-01-01 12:00'::timestamp END", "CASE WHEN NULL THEN 1 END IS NULL")
    each("{0} {1} {2} AND {3}", ["5", "NULL::bigint"], ["BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC"], ["1", "10", "NULL::bigint"], ["10", "1"])
    each("{0} IS {1} {2}", ["1::bigint", "NULL::bigint", "2::bigint"], ["DISTINCT FROM", "NOT DISTINCT FROM"], ["1::bigint", "NULL::bigint"])
    add("'NaN'::float8 IS DISTINCT FROM 'NaN'::float8", "'1 day'::interval IS DISTINCT FROM '24:00'::interval", "'a' IS DISTINCT FROM NULL", "'a' IS NOT DISTINCT FROM 'a'")
    add("1 + NULL", "NULL = NULL", "NULL IS NULL", "'x' || NULL", "NOT NULL", "1 = 'x'", "1 = '1'", "true = 'yes'", "1 + true", "'a' + 1", "true AND 1", "'a' < 'b'", "'a' < 'B'", "'ä' > 'z'", "'' < 'a'")


TEXTS = ["'Trellis'", "''", "'grüße Ω'", "'a,b,,c'", "'  x y  '", "NULL::text"]


def text():
    each("{0}({1})", ["length", "char_length", "character_length", "octet_length", "lower", "upper", "initcap", "btrim", "ltrim", "rtrim", "reverse", "md5", "ascii", "quote_ident", "quote_literal"], TEXTS)
    each("{0} || {1}", TEXTS, ["'!'", "NULL::text", "1", "2.5::float8", "true", "'2024-01-01'::date"])
    each("{0}({1}, {2})", ["left", "right"], ["'Trellis'", "'Ωßü'", "''", "NULL::text"], ["0", "2", "-2", "100", "-100", "NULL::int", "'-2147483648'::int"])
    each("{0}('Ωstern', {1})", ["substr", "substring"], ["1", "3", "0", "-3", "100", "NULL::int"])
    each("{0}('Ωstern', {1}, {2})", ["substr", "substring"], ["1", "3", "0", "-3", "100", "2147483647"], ["2", "0", "10", "-1", "2147483647", "NULL::int"])
    add("substring('abcdef' FROM 2 FOR 3)", "substring('abcdef' FROM 2)", "substring('abcdef' FOR 2)", "position('c' IN 'abcdef')", "trim('  x ')", "trim(BOTH 'x' FROM 'xxabxx')", "trim(LEADING 'x' FROM 'xxabxx')",
        "trim(TRAILING FROM ' a ')", "btrim('xyxabyx', 'xy')", "ltrim('xyxabyx', 'xy')", "rtrim('xyxabyx', 'xy')", "btrim('abc', '')", "btrim(NULL, 'a')", "btrim('ΩaΩ', 'Ω')")
    each("{0}({1}, {2})", ["lpad", "rpad"], ["'abc'", "'Ωß'", "''"], ["5", "2", "0", "-1", "NULL::int"])
    each("{0}({1}, {2}, {3})", ["lpad", "rpad"], ["'abc'", "'Ωß'"], ["7", "2", "3"], ["'xy'", "''", "'Ω'", "NULL::text"])
    each("repeat({0}, {1})", ["'ab'", "''", "NULL::text"], ["3", "0", "-1", "NULL::int"])
    each("replace({0}, {1}, {2})", ["'abcabc'", "'aaa'", "NULL::text"], ["'a'", "'bc'", "''", "'x'", "'aa'"], ["'Z'", "''", "'aa'"])
    each("translate('12345', {0}, {1})", ["'143'", "'11'", "''"], ["'ax'", "''", "'Ωßz'"])
    each("split_part({0}, {1}, {2})", ["'a,b,,c'", "'abc'", "''", "NULL::text"], ["','", "''"], ["1", "2", "4", "9", "-1", "-2", "-9", "0"])
    each("strpos({0}, {1})", ["'grüße'", "''", "NULL::text"], ["'ß'", "''", "'x'", "'grüße '"])
    each("starts_with({0}, {1})", ["'plant1/x'", "NULL::text"], ["'plant1'", "''", "'x'"])
    add("concat()", "concat('a')", "concat('a', NULL, 1, true, 2.5::float8)", "concat(NULL)", "concat_ws(',', 'a', NULL, 'b', 3)", "concat_ws(NULL, 'a')", "concat_ws(',')", "concat_ws(',', NULL, NULL)", "concat_ws('', 1, 2)",
        "concat('2024-01-01'::date, ' ', '12:00'::time)")
    each("chr({0})", ["65", "0", "-1", "8486", "128512", "55296", "1114112"])
    each("to_hex({0})", ["255", "0", "'-1'::bigint", "NULL::bigint"])
    add("quote_ident('A b')", "quote_ident('a\"b')", "quote_ident('select')", "quote_ident('x1')", "quote_ident('1x')", "quote_literal('it''s')", r"quote_literal('a\b')", "ascii('Ω')", "initcap('hello wORLD-foo_bar 3rd')", "initcap('élan ÉCOLE')",
        "upper('straße')", "lower('ΑΣ')", "upper('ı')", "reverse('e\u0301a')", "length('e\u0301')", "md5('Trellis')", r"length(E'a\nb')", "upper('ǆ')")


def patterns():
    each("{0} {1} {2}", ["'boiler'", "'B%r_'", "''", "'grün'", "NULL::text"], ["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"],
         ["'b%'", "'B%R_'", "'%'", "'_____'", "''", "'gr_n'", "'%oil%'", r"'B\%r\_'", "'GRÜN'", "NULL::text"])
    each("{0} LIKE {1} ESCAPE {2}", ["'10%'", "'a_b'", r"'a\b'"], ["'10!%'", "'a!_b'", r"'a\b'", "'%%'", "'a!'"], ["'!'", "''", "'%'", "'ab'", "NULL::text"])
    add(r"'a\b' LIKE 'a\\b'", r"'abc' LIKE 'abc\'", r"'x' LIKE '\'", "'a.c' LIKE 'a.c'", "'abc' LIKE 'a.c'", r"E'a\nb' LIKE 'a_b'", r"E'a\nb' LIKE 'a%b'", "'(x)' LIKE '(%)'", "'Ω' LIKE '_'", "'ab' LIKE '%_%_%'", "'aXbXc' LIKE '%X%X%'",
        "'abcabc' LIKE '%abc'", "'mississippi' LIKE '%iss%ip%'", "'mississippi' LIKE '%iss%is'", "'Ω' ILIKE 'ω'", "'[a]' LIKE '[a]'", "'a' || 'b' LIKE 'ab'")
    each("{0} {1} {2}", ["'plant12'", "'PLANT'", "NULL::text"], ["~", "~*", "!~", "!~*"], ["'^plant[0-9]+$'", "'plant'", "'x|y'", "''", "'('", "'[[:digit:]]'"])
    each("regexp_replace({0}, {1}, {2})", ["'foobarbaz'", "NULL::text"], ["'b..'", "'(b)(a)'", "'^'", "'x'", "'['"], ["'X'", r"'[\2\1]'", r"'<\&>'", "''", r"'\\'"])
    each("regexp_replace('fooBarbaz', {0}, {1}, {2})", ["'b..'", "'a'"], ["'X'"], ["'g'", "'gi'", "'i'", "''", "'z'", "'c'"])
    each("{0}('foobarbaz', {1})", ["regexp_substr", "substring", "regexp_like"], ["'b.'", "'b(.)'", "'z$'", "'q'", "'(o)(b)'", "NULL::text", "'(?:b)(a)'"])
    each("regexp_like({0}, {1}, {2})", [r"E'a\nB'", "'Hello'"], ["'hello'", "'^b'", "'a.b'", "'A.B'"], ["'i'", "'in'", "'is'", "'c'", "'q'"])
    add("substring('foobar' FROM 'o(.)b')", "regexp_replace('a1b22', '[0-9]+', '#', 'g')", "regexp_replace('2024-01-02', '(\\d+)-(\\d+)-(\\d+)', '\\3.\\2.\\1')", "'ä' ~ '\\w'", "'foo.bar' ~ 'o\\.b'", "regexp_replace('aaa', 'x*', '-', 'g')",
        "substring('abc' from NULL)", r"E'a\nb' ~ 'a.b'", r"E'a\nb' ~ '^b'", r"E'a\nb' ~ 'a$'", "substring('xyz', '(q)?y')")


STAMPS = ["2024-02-29 23:59:59.999999", "1969-12-31 23:59:59.5", "1900-01-01 00:00:00", "2000-12-31 12:34:56.789", "2024-12-30 00:00:00", "2021-01-03 06:07:08", "0001-01-01 00:00:00", "infinity", "-infinity"]
FIELDS = ["year", "month", "day", "hour", "minute", "second", "milliseconds", "microseconds", "dow", "isodow", "doy", "week", "isoyear", "quarter", "decade", "century", "millennium", "epoch", "julian"]
UNITS = ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium"]
SPANS = ["1 year 2 mons 3 days 04:05:06.789", "-1 year -2 mons +3 days -04:05:06.5", "35 days 25:59:00", "-400 days 700:00", "0", "1 mon -1 day", "0.5 mon", "1234567 hours", "-00:00:00.000001"]
ZONES = ["UTC", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"]


def fields():
    each("extract({0} FROM timestamp '{1}')", FIELDS, STAMPS[:7])
    each("extract({0} FROM timestamp '{1}')", ["year", "hour", "epoch", "dow", "julian"], STAMPS[7:])
    each("extract({0} FROM date '{1}')", ["year", "month", "day", "dow", "isodow", "doy", "week", "isoyear", "quarter", "epoch", "century", "julian", "hour"], ["2024-02-29", "1969-12-31", "2023-01-01", "2020-12-31", "infinity"])
    each("extract({0} FROM time '{1}')", ["hour", "minute", "second", "milliseconds", "microseconds", "epoch", "day", "year"], ["00:00", "23:59:59.999999", "24:00"])
    each("extract({0} FROM interval '{1}')", ["year", "month", "day", "hour", "minute", "second", "milliseconds", "microseconds", "epoch", "quarter", "decade", "century", "millennium", "dow", "week", "doy"], SPANS[:6])
    add("extract(timezone FROM timestamp '2024-01-01')", "extract(nonsense FROM timestamp '2024-01-01')", "date_part('YEAR', timestamp '2024-01-01')", "date_part('years', timestamp '2024-01-01')", "date_part('hours', time '10:00')", "date_part('', timestamp '2024-01-01')",
        "date_part(NULL, timestamp '2024-01-01')", "date_part('year', NULL::timestamp)", "date_part('sec', timestamp '2024-01-01 00:00:07')", "date_part('yrs', timestamp '2024-01-01')", "date_part('decades', date '2024-01-01')",
        "date_part('us', time '00:00:01.5')", "date_part('ms', time '00:00:01.5')", "date_part('msec', time '00:00:01.5')", "date_part('usec', time '00:00:01.5')", "date_part('h', time '10:00')", "date_part('m', time '10:11')", "date_part('s', time '10:11:12')", "date_part('y', date '2024-02-01')",
        "date_part('d', date '2024-02-03')", "date_part('w', date '2024-02-03')", "date_part('c', date '2024-02-03')", "date_part('mon', date '2024-02-03')", "date_part('qtr', date '2024-02-03')", "date_part('dec', date '2024-02-03')", "date_part('isodow', interval '1 day')")
    for z in ZONES:
        each("extract({0} FROM timestamptz '{1}')", ["year", "hour", "minute", "day", "dow", "epoch", "timezone", "timezone_hour", "timezone_minute", "doy", "week"], ["2024-03-31 00:59:59.5+00", "1969-12-31 23:30:00+00", "2024-04-07 03:30:00+00"], zone=z)
        each("date_trunc('{0}', timestamptz '{1}')", ["hour", "day", "week", "month", "year", "quarter"], ["2024-03-31 01:30:00+00", "2024-10-27 00:30:00+00", "1969-12-31 23:30:00+00"], zone=z)
        each("timestamptz '{0}'", ["2024-03-31 12:00", "2024-10-27 12:00:00.25", "1969-07-20 20:17:40", "1890-01-01 00:00", "2024-06-01 00:00+05:45", "infinity"], zone=z)
    each("date_trunc('{0}', timestamp '{1}')", UNITS, STAMPS)
    each("date_trunc('{0}', interval '{1}')", UNITS, SPANS[:4])
    each("date_trunc('{0}', timestamptz '2024-03-31 01:30:00+00', '{1}')", ["hour", "day", "month"], ZONES + ["nowhere"])
    add("date_trunc('fortnight', timestamp '2024-01-01')", "date_trunc('days', timestamp '2024-01-01 10:00')", "date_trunc('DAY', date '2024-01-05')", "date_trunc('hour', NULL::timestamp)", "date_trunc('mins', timestamp '2024-01-01 10:11:12')", "date_trunc('centuries', timestamp '2024-01-01')", "date_trunc('day', time '10:00')")
    each("date_bin('{0}', timestamp '{1}', timestamp '{2}')", ["15 minutes", "1 day", "90 seconds", "7 days 01:00", "0", "-1 hour", "1 month"], ["2024-02-29 23:59:59.999999", "1969-12-31 23:59:59.5", "infinity"], ["2000-01-01", "2030-01-01 00:07:30"])
    add("date_bin('1 hour', timestamptz '2024-01-01 10:30+00', timestamptz '2001-01-01 00:15+00')", "date_bin('1 hour', timestamp '2024-01-01', timestamp 'infinity')")


def spans():
    each("interval '{0}'", SPANS + ["1.5 days", "P1Y2M3DT4H5M6S", "P1M", "PT36H", "1-2", "1 2:03", "1 day ago", "@ 1 minute", "3 weeks", "1 decade", "2 centuries", "1.25 hours", "-1.5 mons", "25:61:00", "bogus", "1 fortnight", "04:05", "100", "1 d 2 h", "1 us", "2147483648 years", "infinity"])
    each("interval '{1}' {0} interval '{2}'", ["+", "-", "=", "<", ">"], SPANS[:4], ["1 mon", "30 days", "35 days 25:59:00"])
    each("interval '{1}' {0} {2}::float8", ["*", "/"], ["1 mon", "1 day", "01:00", "1 year 1 mon 1 day 00:00:01", "-1 mon 3 days", "10 days"], ["2", "0.5", "1.5", "'-1'", "3", "0", "'NaN'", "'Infinity'", "1e10", "0.1"])
    each("2::float8 * interval '{0}'", ["1 mon", "1 day 01:00"])
    each("- interval '{0}'", SPANS[:4])
    each("{0}(interval '{1}')", ["justify_days", "justify_hours", "justify_interval"], SPANS + ["-35 days", "1 mon -1 hour", "-1 mon 31 days", "25:00", "-25:00", "1 day -25:00", "29 days 24:00", "-2 days 49:00"])
    each("interval '{0}'::text", SPANS[:6])
    each("interval '{0}'::time", ["25:30:00", "-1 hour", "1 day", "2 days 03:00"])
    add("make_interval(years => 1, months => -3, days => 10, secs => 1.5)", "make_interval()", "make_interval(1, 2, 3, 4, 5, 6, 7.5)", "make_interval(hours => 2147483647)", "make_interval(secs => 'NaN')", "interval '1 day' = interval '24 hours'", "interval '1 mon' = interval '30 days'", "interval '1 mon' > interval '29 days 23:59'",
        "interval '1' day", "interval '1-2' year to month", "interval '90' minute", "interval '1 day' hour", "-(interval '1 day')", "interval '1 day' + '1 hour'", "interval '1 day' * 2", "interval '1 day' / 4", "interval '7 days' / 3", "interval '1 mon' / 7", "isfinite(interval '1 day')")


def stamps():
    each("timestamp '{0}'", STAMPS + ["2024-02-30", "2024-13-01", "2024-1-5 3:4", "20240105", "20240105T101112", "2024-01-05T10:11:12Z", "January 5, 2024", "5 Jan 2024 10:11 PM", "2024-01-05 24:00", "2024-01-05 25:00", "2024-01-05 10:60", "2024-01-05 10:11:60", "epoch", "44-03-15 BC", "2024-01-05 10:11:12.1234567", "yesterdayish", "", "2024-01-05 12:00 AM", "294276-12-31 23:59:59", "294277-01-01", "2024-060", "01/02/2024"])
    each("date '{0}'", ["2024-02-29", "2023-02-29", "1969-12-31", "infinity", "-infinity", "2024-01-05 10:00", "epoch", "0044-03-15 BC", "99999-01-01", "x", "2024/01/05", "Jan 5 2024", "1500-02-29"])
    each("time '{0}'", ["10:11", "10:11:12.123456", "24:00", "24:01", "10:11 PM", "12:00 AM", "101112", "T10:11", "-1:00", "23:59:60", "allballs", "10:11:12.9999999"])
    each("timestamp '{0}' {1} interval '{2}'", ["2024-01-31 10:00", "2024-02-29 00:00", "1969-12-31 23:00", "2023-12-31 23:59:59.999999", "infinity"], ["+", "-"], ["1 mon", "1 year", "-1 mon", "1 day", "1 mon 1 day -00:00:00.000001", "25:00", "100 years", "300000 years"])
    each("interval '1 mon' + {0}", ["timestamp '2024-01-31'", "date '2024-01-31'", "timestamptz '2024-01-31 00:00+00'", "time '10:00'"])
    each("date '2024-01-31' {0}", ["+ 1", "- 31", "+ interval '1 mon'", "- interval '1 day 01:00'", "- date '2023-12-31'", "+ time '10:30'", "= timestamp '2024-01-31'", "< timestamptz '2024-01-31 00:00:01+00'", "- timestamp '2024-01-01 06:00'", "+ 3000000", "+ NULL::int", "> '2024-01-30'"])
    add("7 + date '2024-01-31'", "time '10:30' + date '2024-01-31'", "time '23:00' + interval '2 hours'", "time '01:00' - interval '2 hours'", "time '10:00' - time '11:30'", "interval '2 hours' + time '23:30'", "time '10:00' < '11:00'", "date 'infinity' + 1", "date '2024-03-01' - 1", "date '2024-01-01' - 'infinity'::date", "date '1970-01-01' - date '1969-12-31'", "time '10:00' + interval '1 day 1 hour'", "time '24:00' + interval '0'", "'infinity'::timestamp - '2024-01-01'::timestamp")
    each("timestamp '{0}' - timestamp '{1}'", STAMPS[:4], ["2024-02-29 00:00", "1969-12-31 00:00:00.25", "2030-01-01"])
    each("age(timestamp '{0}', timestamp '{1}')", ["2024-03-31 10:00", "2024-02-29", "2023-01-31 00:00:00.5", "2020-02-29 12:00", "2001-04-10"], ["2024-02-29 12:00", "2023-12-31", "1957-06-13", "2023-03-01 00:00:01", "2024-01-30", "2024-01-31 23:00"])
    each("timestamp '{1}' {0} timestamp '2024-02-29'", ["=", "<", ">="], STAMPS)
    add("age(timestamp 'infinity', timestamp '2024-01-01')", "age(timestamptz '2024-03-31 10:00+00', timestamptz '2023-02-28 11:00+00')", "isfinite(timestamp 'infinity')", "isfinite(date '2024-01-01')", "isfinite(timestamptz '-infinity')", "isfinite(NULL::date)")
    each("make_date({0})", ["2024, 2, 29", "2023, 2, 29", "2024, 13, 1", "1, 1, 1", "0, 1, 1", "-44, 3, 15", "2024, 1, 0", "10000, 1, 1", "NULL, 1, 1"])
    each("make_time({0})", ["10, 11, 12.5", "24, 0, 0", "24, 0, 1", "23, 59, 60", "-1, 0, 0", "1, 60, 0", "1, 1, 60.5", "1, 1, 'NaN'", "0, 0, 0.0000005"])
    each("make_timestamp({0})", ["2024, 2, 29, 10, 11, 12.5", "2024, 2, 30, 0, 0, 0", "1900, 1, 1, 24, 0, 0", "2024, 1, 1, 0, 0, -1", "2024, 1, 1, 23, 59, 60"])
    each("to_timestamp({0})", ["0", "1e9", "-1.5", "1717243200.123456", "'Infinity'::float8", "'-Infinity'::float8", "'NaN'::float8", "1e15", "NULL::float8", "0.0000005"])
    each("{0}::date", ["timestamp '1969-12-31 23:59:59'", "timestamp 'infinity'", "timestamptz '2024-01-01 23:30+00'", "'2024-02-30'", "timestamp '-infinity'"])
    each("{0}::time", ["timestamp '1969-12-31 23:59:59.5'", "timestamp 'infinity'", "timestamptz '2024-01-01 23:30+00'", "'10:11'"])
    for z in ["Europe/Berlin", "America/Santiago", "Asia/Kathmandu"]:
        each("{0}::date", ["timestamptz '2024-01-01 23:30+00'", "timestamptz '1969-12-31 23:30+00'"], zone=z)
        each("{0}::timestamptz", ["timestamp '2024-01-01 23:30'", "date '2024-07-01'", "'2024-03-01 10:00'", "timestamp 'infinity'"], zone=z)
        each("timestamptz '{0}' {1} interval '{2}'", ["2024-03-30 12:00+00", "2024-10-26 22:30+00", "2024-09-07 12:00+00"], ["+", "-"], ["1 day", "24:00", "1 mon", "-1 day 01:00"], zone=z)
        add("timestamptz '2024-06-01 00:00+00'::timestamp", "timestamptz '2024-06-01 00:00+00'::time", "timestamptz '2024-04-01' - timestamptz '2024-03-30'", "age(timestamptz '2024-04-01', timestamptz '2024-03-30 12:00')", "make_timestamptz(2024, 7, 1, 10, 30, 0)", "date '2024-03-31' = timestamptz '2024-03-31 00:00'",
            "timestamp '2024-07-01' < timestamptz '2024-07-01 00:00+00'", "to_timestamp(1717243200)", "extract(epoch FROM date '2024-07-01')", "extract(epoch FROM timestamp '2024-07-01')", "date_trunc('day', date '2024-07-01')", "timestamptz '2024-07-01 12:00' AT TIME ZONE 'UTC'", zone=z)
    each("timestamptz '{0}' AT TIME ZONE '{1}'", ["2024-03-31 00:59:59+00", "2024-03-31 01:00:00+00", "2024-10-27 00:30+00", "1969-12-31 23:59:59.5+00", "infinity", "1883-11-18 12:00+00"], ZONES + ["America/New_York", "+02:00", "-03", "EST5EDT", "Mars/Olympus"])
    each("timestamp '{0}' AT TIME ZONE '{1}'", ["2024-03-31 01:59:59", "2024-06-15 12:00", "1969-12-31 23:59:59.5", "-infinity"], ZONES + ["America/New_York", "nowhere"])
    each("timestamp '{0}' AT TIME ZONE 'Europe/Berlin'", ["2024-03-31 02:00", "2024-03-31 02:30", "2024-03-31 03:00", "2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 03:00"])
    each("timestamp '{0}' AT TIME ZONE 'Australia/Lord_Howe'", ["2024-10-06 02:15", "2024-04-07 01:45"])
    add("make_timestamptz(2024, 7, 1, 10, 30, 0, 'Asia/Kathmandu')", "make_timestamptz(2024, 7, 1, 10, 30, 0, 'nowhere')", "timestamp '2024-01-01' AT TIME ZONE NULL", "timezone('Europe/Berlin', timestamptz '2024-07-01 00:00+00')", "timestamptz '2024-07-01 00:00 Europe/Berlin'", "timestamptz '2024-07-01 00:00 Nowhere/X'", "timestamptz '2024-07-01 00:00 EST'")


def formats():
    each("to_char(timestamp '{0}', '{1}')", ["2024-02-29 15:04:05.678901", "1969-12-07 00:00:00", "2021-01-03 12:00:00"],
         ["YYYY-MM-DD HH24:MI:SS", "HH12:MI:SS AM", "HH:MI pm", "MS US", "FF1 FF2 FF3 FF4 FF5 FF6", "Day, DD Month YYYY", "FMDay, FMDD FMMonth YYYY", "DAY day MON mon DY dy", "IYYY-IW-ID", "IDDD IYY IY I", "DDD D WW W CC Q J", "YYY YY Y Y,YYY", "SSSS SSSSS", "DDth FMDDTH",
          '"Year:" YYYY "MM"', "a.m. A.M. P.M.", "FMHH24:FMMI", "YYYYMMDD", "x/y z", "HH24h", "RM rm", "BC AD", "Mon DD", "FMMM/FMDD/YY", "TZ", "\"a\\\"b\"", "MONTH FMMONTH|", "Dy DDth"])
    add("to_char(timestamp 'infinity', 'YYYY')", "to_char(NULL::timestamp, 'YYYY')", "to_char(timestamp '2024-01-01', NULL)", "to_char(timestamp '2024-01-01', '')", "to_char(timestamp '0044-03-15 BC', 'YYYY BC')")
    for z in ZONES:
        each("to_char(timestamptz '2024-07-01 12:30:00+00', '{0}')", ["YYYY-MM-DD HH24:MI:SS", "TZH:TZM", "OF", "HH24 TZ", "tz"], zone=z)
    each("to_char(interval '{0}', '{1}')", ["1 year 2 mons 3 days 14:05:06.789", "100:00:00", "-01:30:00"], ["HH24:MI:SS", "DD HH", "YYYY-MM-DD", "MS", "HH12 AM"])
    each("to_char({0}, '{1}')", ["1234.567", "-1234.567", "0.0", "0.5", "-0.05", "1000000.0", "12.0"],
         ["9999", "9999.99", "FM9999.99", "0000.0", "9,999.9", "FM9,999.999", "S9999", "9999MI", "9999PR", "SG9999", "PL9999", "FM0.00", ".99", "99", "9999S", "MI9999", "FM9999.990", "9G999D99", "FM999999.999999", "00.9", "$9999", "FM990.0", "x99", "FM9,9", "PL999.9", "SG0.0", "FMS99", "99.", "9.9.9", "0999", "9099", "FM099.90", "MI99.9", "99PL", "99SG", "9TH", "FM9th"])
    each("to_char({0}, '{1}')", ["42::bigint", "'-42'::bigint", "0::bigint", "485::bigint", "1234567::bigint", "9223372036854775807"], ["999", "FM999", "00000", "9,999,999", "S999", "999PR", "FM9,999,999,999,999,999,999", "999.99", "999th", "FM999TH", "9 9 9", "9th", "FM000", "\"No.\" 999"])
    add("to_char('NaN'::float8, '999.9')", "to_char('Infinity'::float8, '999')", "to_char(NULL::float8, '9')", "to_char(1.5::float8, '')", "to_char(11, 'FM99th')", "to_char(12, 'FM99th')", "to_char(21, 'FM99th')", "to_char(102, 'FM999th')", "to_char(12, 'RN')", "to_char(12, 'V9')", "to_char('-Infinity'::float8, 'S99.9')")
    each("to_number('{0}', '{1}')", ["1,234.56", "-1,234.56", "<12>", "12", "1.5-", "abc", "+7"], ["9,999.99", "S9G999D99", "9999PR", "99", "9.9S"])
    each("to_timestamp('{0}', '{1}')", ["2024-02-29 15:04:05", "2024-02-30 00:00:00", "2024-2-9 5:4:3", "bogus"], ["YYYY-MM-DD HH24:MI:SS", "YYYY-MM-DD", "YYYY MM DD HH24 MI SS"])
    add("to_timestamp('05 Dec 2000', 'DD Mon YYYY')", "to_timestamp('12:30 PM', 'HH12:MI AM')", "to_timestamp('2024-01-01 12:00 AM', 'YYYY-MM-DD HH:MI AM')", "to_timestamp('20240105T101112', 'YYYYMMDD\"T\"HH24MISS')", "to_timestamp('15:12:02.020', 'HH24:MI:SS.MS')", "to_timestamp('15:12:02.020123', 'HH24:MI:SS.US')",
        "to_timestamp('15:12:02.02', 'HH24:MI:SS.FF2')", "to_timestamp('2024 060', 'YYYY DDD')", "to_timestamp('2024-01-01 25', 'YYYY-MM-DD HH24')", "to_timestamp('2024-01-01 13 PM', 'YYYY-MM-DD HH12 PM')", "to_timestamp('1 January 2024', 'DD Month YYYY')", "to_timestamp('1 JANUARY 2024', 'DD MONTH YYYY')", "to_timestamp(NULL, 'YYYY')",
        "to_timestamp('24-05-06', 'YY-MM-DD')", "to_timestamp('2024-05-06 10:00 -03', 'YYYY-MM-DD HH24:MI TZH')", "to_timestamp('2024-05-06', 'YYYY-MM-DDx')", "to_timestamp('  2024-05-06', 'YYYY-MM-DD')", "to_timestamp('1717243200', 'J')", "to_timestamp('86399', 'SSSSS')", "to_timestamp('2024-13-01', 'YYYY-MM-DD')", "to_timestamp('2024-01-01 1:2:61', 'YYYY-MM-DD HH24:MI:SS')")
    each("to_date('{0}', '{1}')", ["05 Dec 2000", "2000-12-05", "20001205", "12/05/2000", "2000-02-30", ""], ["DD Mon YYYY", "YYYY-MM-DD", "YYYYMMDD", "MM/DD/YYYY"])
    add("to_date('2024-060', 'YYYY-DDD')", "to_date('2024-366', 'YYYY-DDD')", "to_date('2023-366', 'YYYY-DDD')", "to_date('2024-09-1', 'IYYY-IW-ID')", "to_date('24', 'YY')", "to_date('70', 'YY')", "to_date('2024-Q1', 'YYYY-\"Q\"Q')", "to_date('Monday 5 May 2024', 'Day DD Month YYYY')")
    add("to_timestamp('2024-07-01 10:00', 'YYYY-MM-DD HH24:MI')", zone="Europe/Berlin")


def json():
    docs = ["""'{"a": 1, "b": {"c": [10, 20, {"d": null}]}, "e": "x\\"y", "f": true, "": 5}'""", "'[1, [2, 3], \"four\", null, {\"k\": 1.50}]'", "'\"str\"'", "'null'", "NULL"]
    each("{0}::json -> {1}", docs, ["'a'", "'b'", "'zz'", "'e'", "0", "1", "-1", "9", "''", "NULL::text"])
    each("{0}::json ->> {1}", docs, ["'a'", "'b'", "'e'", "'f'", "'zz'", "2", "3", "-1", "-9", "''"])
    each("{0}::json #> {1}", docs[:3], ["'{b,c}'", "'{b,c,2,d}'", "'{4,k}'", "'{1,0}'", "'{}'", "'{a,x}'", "'{1,-1}'", "'{b,c,x}'"])
    each("{0}::json #>> {1}", docs[:3], ["'{b,c,1}'", "'{b,c,2,d}'", "'{4,k}'", "'{1}'", "'{}'", "'{e}'"])
    each("json_typeof({0}::json)", docs + ["'1.5'", "'true'", "'  {}'", "'[]'"])
    each("json_array_length({0}::json)", ["'[1,2,3]'", "'[]'", "'{}'", "'1'", "NULL"])
    add("'{'::json", "'{\"a\": 1}'::json::text", "('{\"a\": 1.50}'::json ->> 'a')::float8", "'{\"a\":1}'::json -> 'a' -> 'b'", "'{\"a\":1,\"a\":2}'::json ->> 'a'", "'{\"u\":\"\\u00e9\\n\"}'::json ->> 'u'", "'[1]'::json ->> '0'", "'{\"0\": 7}'::json ->> 0", "'{\"0\": 7}'::json #>> '{0}'", "'{\"a b\": 7}'::json #>> '{a b}'", "'{\"a,b\": 7}'::json #>> '{\"a,b\"}'", "'{\"a\":1}'::json = '{\"a\":1}'::json", "'{}'::json IS NULL")


def casts():
    values = {"bigint": ["42::bigint", "0::bigint", "'-7'::bigint"], "float8": ["2.5::float8", "3.5::float8", "'-0.5'::float8", "1e19::float8", "'NaN'::float8", "'Infinity'::float8", "1e-7::float8", "123456789012345680::float8", "1e15::float8", "0.1::float8", "1e21::float8", "100000::float8", "'-0'::float8"],
              "boolean": ["true", "false"], "date": ["date '2024-02-29'", "date '0044-03-15 BC'"], "timestamp": ["timestamp '2024-02-29 10:11:12.5'"], "timestamptz": ["timestamptz '2024-02-29 10:11:12.5+00'"], "time": ["time '10:11:12.5'"], "interval": ["interval '1 mon 2 days 03:04:05'", "interval '-1 day'"], "json": ["'[1]'::json"]}
    for vs in values.values():
        each("({0})::{1}", vs, ["text", "bigint", "float8", "boolean", "date", "timestamp", "timestamptz", "time", "interval", "json"])
    each("'{0}'::text::bigint", ["42", " 42 ", "-7", "+7", "4.2", "1e3", "", "x", "9223372036854775807", "9223372036854775808", "0x10", "1_0"])
    each("'{0}'::text::float8", ["4.25", " 1e3 ", "-Infinity", "inf", "nan", "NaN", "", "x", "1e400", "1e-400", "0x10", ".5", "5.", "1,5", "+1.5", "infinit"])
    each("'{0}'::text::boolean", ["true", "T", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0", " true ", "tru", "o", "2", ""])
    each("'{0}'::text::{1}", ["2024-02-29 10:11:12.5", "2024-02-30", "x", ""], ["timestamp", "timestamptz", "date", "time"])
    each("'{0}'::text::interval", ["1 day", "x", "", "1:2:3", "P1D"])
    each("NULL::{0}::{1}", ["text", "bigint", "float8"], ["text", "bigint", "float8", "boolean"])
    each("{0}::numeric({1})", ["1.005", "2.345", "'-1.5'", "123.456", "NULL"], ["10,2", "5,0", "6,1"])
    each("{0}::{1}", ["0.5::float8", "1.5::float8", "2.5::float8", "'-1.5'::float8", "9223372036854775807::float8", "9223372036854774784::float8", "'-9223372036854775808'::float8"], ["bigint"])
    each("cast({0} AS {1})", ["'12'", "12", "12.7", "true"], ["bigint", "float8", "text", "varchar(2)", "char(3)"])
    add("'abc'::varchar(2)", "'abc'::text::date", "date '2024-01-01'::boolean", "true::bigint", "2::boolean", "'t'::boolean", "1.5::float8::text", "1e100::float8::text", "'2024-01-01'::timestamp(0)", "timestamp '2024-01-01 10:00:00.6'::timestamp(0)", "interval '1.6 seconds'::interval(0)", "time '10:00:00.56'::time(1)")


def widths():
    """Number types that are narrower than bigint and double precision."""
    ints = ["1::smallint", "'-32768'::smallint", "2147483647", "'-2147483648'::int", "7::bigint", "NULL::int", "70000"]
    each("{1} {0} {2}", ["+", "-", "*", "/", "%"], ints, ints)
    each("{1} {0} {2}", ["<<", ">>"], ["1", "5::smallint", "'-6'::int"], ["3", "31", "33", "'-1'::int"])
    each("{0}({1})", ["-", "abs"], ints)
    each("{0}::{1}", ["3000000000", "70000", "'70000'", "1e40", "44.5", "44.5::float8", "45.5::float8", "44.5::real", "-44.5", "1e-50", "'-0.5'::float8", "2.5", "NULL", "'1.5'"],
         ["smallint", "int", "bigint", "real", "float8", "numeric"])
    each("({0}::{1})::float8", ["1.1", "16777217", "0.1::float8", "'1e39'", "'NaN'"], ["real", "numeric"])
    each("{0}::real::text", ["1.1", "1e6", "123456789", "1e-5", "'Infinity'"])
    each("round({0})", ["2.5::float8", "-2.5::float8", "2.5", "-2.5", "2.5::real", "(1 + 1.5)", "(1.5::float8 + 1)", "coalesce(NULL, 2.5)", "CASE WHEN true THEN 2.5 ELSE 1 END", "abs(-2.5)", "extract(second FROM interval '2.5 s')", "7 / 2", "0.5::float8", "-0.4::float8"])
    each("({0})::int", ["2.5 * 1", "2.5::float8 * 1", "sqrt(6.25)", "greatest(2.5, 1)", "extract(second FROM time '00:00:02.5')", "date_part('second', time '00:00:02.5')", "5 / 2.0", "to_number('2.5', '9.9')"])
    each("{0} + {1}", ["1.1::real", "0.1::real"], ["0.1::real", "1", "0.1", "0.1::float8"])
    add("3e38::real * 10::real", "1.1::real = 1.1", "1.1::real = 1.1::float8", "'a'::char(2) = 'a '::char(2)", "'abc'::char(2) || '!'", "length('a '::char(4))", "length('Trellis') + 2147483647", "(date '2024-01-02' - date '2024-01-01') + 2147483647", "1 + '2147483647'", "2147483647 + 1::bigint", "2147483647::bigint + 1")


def edges():
    """What once differed, and its kin."""
    each("interval '{0}{1}'", ["0.15", "-0.15", "1.5", "2.49", "0.999", "1e0", "-3.75"], [" years", " decades", " centuries", " months", " weeks", " days", " hours", " minutes", " seconds", " milliseconds", " year 0.5 month"])
    each("interval 'P{0}'", ["0.15Y", "1.5M", "0.5W", "1.25D", "-0.15Y1M", "T1.5H", "1.5YT0.5S"])
    each("extract({0} FROM date '{1}')", ["year", "decade", "century", "millennium", "isoyear", "week", "epoch", "doy", "dow"],
         ["2020-08-11 BC", "0001-01-01 BC", "0001-01-01", "0010-06-01 BC", "0100-12-31 BC", "0101-01-01 BC", "1001-01-01 BC", "2000-12-31", "2001-01-01"])
    each("to_number('{0}', '{1}')", [".01", "-.5", "0.01", "12.", "5", "1,2", " 7.25"], ["FM9.99", "9.99", "99D9", "S99.9", "9,9", "99"])
    each("'{0}'::jsonb || '{1}'::jsonb", ['{"a":1}', "[1,2]", "3", '"x"', "null", "{}", '{"a":{"b":1},"cc":2,"b":3}'], ['{"b":2}', '{"a":2.50,"a":3}', "[]", "4"])
    each("'{0}'::jsonb::text", ['{"bb":1,"a":2, "a":3}', "[1e2,-0,1.50,1e-3]", '"\\u00e9\\n/"', " {} ", "[null,true,{}]"])
    each("substring('{0}' FROM '{1}' FOR '{2}')", ["alphabet", "foobar", "a%b"], ["3", '%#"o_b#"%', "f#\"oo#\"%", "%", "a#%b", "(a|f)#\"%#\"(r|t)", "foo"], ["2", "#", ""])
    each("timestamp '{0}' AT TIME ZONE '{1}'", ["2024-03-31 02:00", "2024-03-31 02:30", "2024-03-31 03:00", "2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 03:00", "2024-09-08 00:30", "2024-04-06 23:30", "2024-11-03 00:30", "2011-12-30 12:00", "1883-11-18 12:00"],
         ["Europe/Berlin", "America/Santiago", "America/Havana", "Pacific/Apia", "America/New_York", "Australia/Lord_Howe"])
    each("'{0}'::timestamptz", ["2024-03-31 02:30 Europe/Berlin", "2024-10-27 02:30 Europe/Berlin", "2024-10-27 02:30"])
    for zone in ("Europe/Berlin", "America/Havana", "Pacific/Apia"):
        add("'2024-03-31 02:30'::timestamptz", "'2024-10-27 02:30'::timestamptz", "date '2024-11-03'::timestamptz", "timestamp '2024-11-03 00:30'::timestamptz", "date '2011-12-30'::timestamptz", "make_timestamptz(2024, 10, 27, 2, 30, 0)", "'2024-10-26 02:30'::timestamptz + interval '1 day'", "'2024-03-30 02:30'::timestamptz + interval '1 day'", "to_timestamp('2024-10-27 02:30', 'YYYY-MM-DD HH24:MI')", zone=zone)


for group in (edges, widths, numbers, logic, text, patterns, fields, spans, stamps, formats, json, casts):
    group()

unique = list(dict.fromkeys(cases))
script = [TRY]
zone = None
for z, e in unique:
    if z != zone:
        script.append(f"SET timezone = '{z}';")
        zone = z
    script.append("SELECT pg_temp.try($expr$" + e + "$expr$);")
psql = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", sys.argv[1]], input="\n".join(script), capture_output=True, text=True, check=False)
if psql.returncode != 0:
    sys.exit(psql.stderr)
answers = psql.stdout.splitlines()
if len(answers) != len(unique):
    sys.exit(f"{len(unique)} expressions, {len(answers)} answers")
for (z, e), a in zip(unique, answers):
    assert "\t" not in e and "\n" not in e, e
    print(z, e, a, sep="\t")
