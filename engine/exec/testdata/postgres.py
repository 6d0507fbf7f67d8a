#!/usr/bin/env python3
"""Generates random expressions, and what PostgreSQL answers to each.

    postgres.py 7 10000 Europe/Berlin "host=/tmp/pg port=5433 user=postgres" > generated.tsv
    TRELLIS_POSTGRES=$PWD/generated.tsv go test -run Generated ./engine/exec

The arguments are a seed, how many expressions, the session's zone, and a PostgreSQL
15. The lines are those of engine/eval/testdata/golden.tsv. postgres.tsv holds 2,500
of them on which both agree.
"""
import random, subprocess, sys
seed=int(sys.argv[1]); n=int(sys.argv[2]); R=random.Random(seed)
c=R.choice
L={
 'int':["0","1","-1","2","7","100","2147483647","'-2147483648'::int","70000","NULL::int","3::smallint","'-32768'::smallint","32767::smallint"],
 'big':["0::bigint","5::bigint","'-6'::bigint","9223372036854775807","'-9223372036854775808'::bigint","3000000000","NULL::bigint"],
 'num':["0.0","1.5","-2.5","0.5","2.5","44.5","1e10","-0.25","NULL::numeric","3.75","12.125"],
 'dbl':["0::float8","1.5::float8","'-2.5'::float8","1e308::float8","'Infinity'::float8","'-Infinity'::float8","'NaN'::float8","0.1::float8","44.5::float8","NULL::float8","1e15::float8","123456.789::float8"],
 'real':["1.1::real","2.5::real","'-0.1'::real","16777217::real","1e38::real","NULL::real"],
 'txt':["'Trellis'","''","'grüße Ω'","'a,b,,c'","'  x y  '","NULL::text","'12'","'-3.5'","'abcabc'","'%_\\'","'ÄÖ straße'","'2024-02-29'"],
 'bool':["true","false","NULL::boolean"],
 'date':["date '2024-02-29'","date '1970-01-01'","date '0044-03-15 BC'","date '9999-12-31'","date '1900-02-28'","NULL::date","date '2024-12-31'","date 'infinity'"],
 'ts':["timestamp '2024-02-29 10:11:12.5'","timestamp '1969-12-31 23:59:59.999999'","timestamp '0001-01-01 00:00:00'","timestamp '9999-12-31 23:59:59'","NULL::timestamp","timestamp '2024-10-27 02:30'","timestamp 'infinity'","timestamp '0100-06-01 12:00 BC'"],
 'tz':["timestamptz '2024-02-29 10:11:12.5+00'","timestamptz '1969-12-31 23:59:59.5-03'","timestamptz '2024-10-27 02:30'","timestamptz '2024-03-31 02:30'","NULL::timestamptz","timestamptz '1883-11-18 12:00+00'","timestamptz '-infinity'"],
 'time':["time '10:11:12.5'","time '00:00'","time '23:59:59.999999'","NULL::time","time '24:00'"],
 'iv':["interval '1 mon 2 days 03:04:05'","interval '-1 day'","interval '1 year -5 days'","interval '100000 hours'","interval '-7 months 00:00:01.5'","NULL::interval","interval '0'","interval '1.5 weeks'","interval '0.37 years'","interval '-00:00:00.000001'","interval '13 months'","interval '178000 years'"],
 'js':["'{\"a\":1,\"b\":[1,2,{\"c\":null}]}'::jsonb","'[1,\"x\",null,2.50]'::jsonb","'\"s\"'::jsonb","NULL::jsonb","'{}'::jsonb","'3'::jsonb"],
}
def num(d): return e(c(['int','int','big','num','num','dbl','dbl','real']),d)
def small(): return c(["0","1","2","3","-1","-2","7","100","-100","NULL::int","2147483647"])
FMT=["YYYY-MM-DD HH24:MI:SS.US","Day DD Month YYYY","FMDay, FMDD FMMonth","HH12:MI AM","IYYY-IW-ID","Q DDD J","YYY YY Y","CC BC AD","Dy Mon dd","W WW","SSSS MS","TZ OF","FMMM-FMDDth","\"x\"YYYY","RM rm","HH24MISS"]
NF=["999","FM999","999.99","FM990.00","S999.9","9,999.99","MI999","PL99","SG99.9","999PR","0000","FM9999th","9.9","$999","FM0.999999"]
FLD=["year","month","day","hour","minute","second","milliseconds","microseconds","dow","isodow","doy","week","isoyear","quarter","decade","century","millennium","epoch","julian"]
TR=["microseconds","milliseconds","second","minute","hour","day","week","month","quarter","year","decade","century","millennium"]
RX=["a","b+","^a","[a-c]+","(b)(c)","x|y","\\d+","\\s","","z$","(?i)TRE","a{2}",".","[[:alpha:]]+"]
def q(s): return "'"+s.replace("'","''")+"'"
T=lambda d: e('txt',d)
def e(t,d):
    if d<=0 or R.random()<0.25: return c(L[t])
    d-=1
    E=lambda u: e(u,d)
    both=["CASE WHEN %s THEN %s ELSE %s END"%(E('bool'),E(t),E(t)),"coalesce(%s, %s)"%(E(t),E(t)),"nullif(%s, %s)"%(E(t),E(t)),"%s(%s, %s)"%(c(["greatest","least"]),E(t),E(t))]
    if t=='js': both=both[:2]
    if R.random()<0.12: return c(both)
    if t in('int','big'):
        return c([lambda:"(%s %s %s)"%(E(t),c("+ - * / % & | #".split()),E(c(['int',t]))),lambda:"(%s %s %s)"%(E(t),c(["<<",">>"]),c(["1","3","31","33"])),lambda:"(%s)::%s"%(num(d),'bigint' if t=='big' else c(['int','smallint'])),
          lambda:"abs(%s)"%E(t),lambda:"(- %s)"%E(t),lambda:"mod(%s, %s)"%(E(t),E(t)),lambda:"gcd(%s, %s)"%(E(t),E(t)),lambda:"length(%s)"%T(d) ,lambda:"strpos(%s, %s)"%(T(d),T(d)),lambda:"(%s - %s)"%(E('date'),E('date')),lambda:"ascii(%s)"%T(d),lambda:"octet_length(%s)"%T(d),lambda:"(~ %s)"%E(t),lambda:"lcm(%s, %s)"%(E(t),E(t)),lambda:"width_bucket(%s, %s, %s, %s)"%(e('dbl',d),e('dbl',d),e('dbl',d),small()),lambda:"(%s)::int"%T(d)])()
    if t in('num','dbl','real'):
        return c([lambda:"(%s %s %s)"%(E(t),c("+ - * /".split()),E(c([t,'int','dbl']))),lambda:"%s(%s)"%(c(["abs","ceil","floor","round","trunc","sign"]),E(c([t,'dbl','num']))),lambda:"(- %s)"%E(t),lambda:"round(%s, %s)"%(E('num'),c(["0","1","2","-1","-2"])),lambda:"trunc(%s, %s)"%(E('num'),c(["0","1","2","-1"])),
          lambda:"(%s)::%s"%(num(d),{'num':'numeric','dbl':'float8','real':'real'}[t]),lambda:"sqrt(%s)"%E('dbl'),lambda:"extract(%s FROM %s)"%(c(FLD),E(c(['date','ts','tz','time','iv']))),lambda:"date_part('%s', %s)"%(c(FLD),E(c(['date','ts','tz','time','iv']))),lambda:"div(%s, %s)"%(E('num'),E('num')),lambda:"mod(%s, %s)"%(E('num'),E('num')),
          lambda:"to_number(%s, %s)"%(c(["'12.5'","'-1,234'","'.5'","'0012'","''","'x'","'7-'"]),q(c(NF))),lambda:"%s(%s)"%(c(["ln","exp","cbrt","log","sin","atan","degrees"]),E('dbl')),lambda:"power(%s, %s)"%(E('dbl'),E('dbl'))])()
    if t=='txt':
        return c([lambda:"(%s || %s)"%(T(d),E(c(['txt','int','dbl','real','bool','date','iv','time']))),lambda:"substr(%s, %s)"%(T(d),small()),lambda:"substr(%s, %s, %s)"%(T(d),small(),small()),lambda:"substring(%s from %s for %s)"%(T(d),small(),small()),lambda:"%s(%s, %s)"%(c(["left","right"]),T(d),small()),lambda:"%s(%s)"%(c(["upper","lower","initcap","reverse","btrim","ltrim","md5","quote_literal","quote_ident"]),T(d)),lambda:"%s(%s, %s)"%(c(["btrim","ltrim","rtrim"]),T(d),T(d)),
          lambda:"%s(%s, %s, %s)"%(c(["lpad","rpad"]),T(d),c(["0","3","12","-1","NULL::int"]),T(d)),lambda:"repeat(%s, %s)"%(T(d),c(["0","1","3","-1"])),lambda:"replace(%s, %s, %s)"%(T(d),T(d),T(d)),lambda:"translate(%s, %s, %s)"%(T(d),T(d),T(d)),lambda:"split_part(%s, %s, %s)"%(T(d),c(["','","''","'b'","' '"]),c(["1","2","-1","-2","0","9"])),lambda:"regexp_replace(%s, %s, %s%s)"%(T(d),q(c(RX)),c(["'X'","'<\\1>'","'\\&'","''"]),c(["",", 'g'",", 'gi'"])),lambda:"regexp_substr(%s, %s)"%(T(d),q(c(RX))),lambda:"substring(%s from %s)"%(T(d),q(c(RX))),
          lambda:"to_char(%s, %s)"%(E(c(['ts','tz','date'])),q(c(FMT))),lambda:"to_char(%s, %s)"%(num(d),q(c(NF))),lambda:"(%s)::text"%e(c(['int','dbl','real','bool','date','ts','tz','time','iv']),d),lambda:"concat(%s, %s)"%(T(d),E(c(['int','bool','date','txt']))),lambda:"concat_ws(%s, %s, %s)"%(T(d),T(d),T(d)),lambda:"(%s ->> %s)"%(E('js'),c(["'a'","'b'","0","-1","1"])),lambda:"(%s #>> %s)"%(E('js'),c(["'{b,2}'","'{a}'","'{0}'","'{}'"])),lambda:"chr(%s)"%c(["65","0","8486","-1","200"]),lambda:"to_hex(%s)"%E('int'),lambda:"(%s)::varchar(%s)"%(T(d),c(["1","3","20"])),lambda:"(%s)::char(%s)::text"%(T(d),c(["1","3","20"]))])()
    if t=='bool':
        u=c(['int','big','num','dbl','real','txt','date','ts','tz','time','iv','bool'])
        return c([lambda:"(%s %s %s)"%(E(u),c(["=","<>","<","<=",">",">="]),E(u)),lambda:"(%s %s %s)"%(E('bool'),c(["AND","OR"]),E('bool')),lambda:"(NOT %s)"%E('bool'),lambda:"(%s IS %s)"%(E(u),c(["NULL","NOT NULL"])),lambda:"(%s IS %sDISTINCT FROM %s)"%(E(u),c(["","NOT "]),E(u)),lambda:"(%s LIKE %s)"%(T(d),c(["'%'","'a%'","'_b%'","'%x_'","''"])),lambda:"(%s ILIKE %s)"%(T(d),c(["'TRE%'","'%Ü%'"])),lambda:"(%s %s %s)"%(T(d),c(["~","~*","!~"]),q(c(RX))),lambda:"(%s %sBETWEEN %s AND %s)"%(E(u),c(["","NOT "]),E(u),E(u)),lambda:"(%s IN (%s, %s))"%(E(u),E(u),E(u)),lambda:"starts_with(%s, %s)"%(T(d),T(d)),lambda:"(%s)::boolean"%c(["'t'::text","'off'::text","1","0","'x'::text"]),lambda:"isfinite(%s)"%E(c(['date','ts'])),lambda:"(%s IS %s)"%(E('bool'),c(["TRUE","NOT FALSE","UNKNOWN"])),
          lambda:"(%s %s %s)"%(num(d),c(["=","<",">="]),num(d)),lambda:"(%s %s %s)"%(E('date'),c(["=","<"]),E(c(['ts','tz'])))])()
    if t=='date':
        return c([lambda:"(%s %s %s)"%(E('date'),c("+-"),c(["1","-1","31","100000","0"])),lambda:"(%s)::date"%E(c(['ts','tz'])),lambda:"make_date(%s, %s, %s)"%(c(["2024","1","-44","0","9999"]),c(["2","12","13","0"]),c(["29","30","1","0"])),lambda:"to_date(%s, %s)"%(c(["'2024-02-30'","'05 Dec 2000'","'2024-060'","'20240105'","'24-1-2'"]),c(["'YYYY-MM-DD'","'DD Mon YYYY'","'YYYY-DDD'","'YYYYMMDD'","'YY-MM-DD'"]))])()
    if t=='ts':
        return c([lambda:"(%s %s %s)"%(E('ts'),c("+-"),E('iv')),lambda:"(%s + %s)"%(E('date'),E('iv')),lambda:"(%s + %s)"%(E('date'),E('time')),lambda:"date_trunc('%s', %s)"%(c(TR),E('ts')),lambda:"(%s)::timestamp"%E(c(['date','tz'])),lambda:"(%s AT TIME ZONE '%s')"%(E('tz'),c(["Europe/Berlin","America/Santiago","UTC","Asia/Kathmandu"])),lambda:"date_bin(interval '%s', %s, timestamp '2001-01-01')"%(c(["15 minutes","1 hour","7 days"]),E('ts')),lambda:"make_timestamp(2024, %s, 29, %s, 5, %s)"%(c(["2","3"]),c(["0","23","24"]),c(["1.5","59.999","60","61"]))])()
    if t=='tz':
        return c([lambda:"(%s %s %s)"%(E('tz'),c("+-"),E('iv')),lambda:"(%s)::timestamptz"%E(c(['date','ts'])),lambda:"(%s AT TIME ZONE '%s')"%(E('ts'),c(["Europe/Berlin","America/Santiago","Asia/Kathmandu"])),lambda:"date_trunc('%s', %s)"%(c(TR),E('tz')),lambda:"to_timestamp(%s)"%E('dbl'),lambda:"to_timestamp(%s, %s)"%(c(["'2024-02-29 15:04:05'","'12:30 PM'","'2024-10-27 02:30'"]),c(["'YYYY-MM-DD HH24:MI:SS'","'HH12:MI AM'","'YYYY-MM-DD HH24:MI'"]))])()
    if t=='time':
        return c([lambda:"(%s %s %s)"%(E('time'),c("+-"),E('iv')),lambda:"(%s)::time"%E(c(['ts','tz','iv'])),lambda:"make_time(%s, 5, %s)"%(c(["0","23","24"]),c(["0","59.9"]))])()
    if t=='iv':
        return c([lambda:"(%s %s %s)"%(E('iv'),c("+-"),E('iv')),lambda:"(%s %s %s)"%(E('iv'),c("*/"),c(["2","0.5","-1","1.5::float8","0","3","0.1"])),lambda:"(- %s)"%E('iv'),lambda:"(%s - %s)"%(E('ts'),E('ts')),lambda:"(%s - %s)"%(E('tz'),E('tz')),lambda:"(%s - %s)"%(E('time'),E('time')),lambda:"age(%s, %s)"%(E('ts'),E('ts')),lambda:"%s(%s)"%(c(["justify_days","justify_hours","justify_interval"]),E('iv')),lambda:"make_interval(%s, %s, %s, %s, %s, %s, %s)"%(c(["1","0","-1"]),c(["5","0"]),c(["1","-2"]),c(["40","0"]),c(["30","-1"]),c(["90","0"]),c(["1.5","0"])),lambda:"date_trunc('%s', %s)"%(c(TR),E('iv')),lambda:"(%s)::interval"%c(["'1 day'::text","'x'::text","time '10:00'","'P1Y2M'::text","'1.5 months'::text","'-1-2'::text","'1 day ago'::text"])])()
    if t=='js':
        return c([lambda:"(%s || %s)"%(E('js'),E('js')),lambda:"(%s -> %s)"%(E('js'),c(["'a'","'b'","0","-1","1"])),lambda:"(%s #> %s)"%(E('js'),c(["'{b,2}'","'{a}'","'{0}'"]))])()
def agg():
    t=c(['int','big','num','dbl','real','txt','bool','date','ts','iv','time','iv','iv'])
    rows=", ".join("(%s)"%c(L[t]) for _ in range(R.randint(1,5)))
    f={'txt':["min(x)","max(x)","count(x)","string_agg(x, ',' ORDER BY x)","string_agg(DISTINCT x, '-')","count(DISTINCT x)"],'bool':["bool_and(x)","bool_or(x)","every(x)","count(x)"],'iv':["sum(x)","avg(x)","min(x)","max(x)","count(DISTINCT x)"],'time':["min(x)","max(x)"],'date':["min(x)","max(x)","count(*)"],'ts':["min(x)","max(x)"]}.get(t,["sum(x)","avg(x)","min(x)","max(x)","count(x)","count(DISTINCT x)","sum(x + 1)","round(avg(x))","max(x)::int","round(max(x))","stddev(x)","var_pop(x)","sum(DISTINCT x)","count(*)","avg(x) FILTER (WHERE x > 0)","percentile_cont(0.5) WITHIN GROUP (ORDER BY x)","sum(x)::bigint"])
    tail=c([""," WHERE x IS NOT NULL"," WHERE false",""])
    return "(SELECT %s FROM (VALUES %s) v(x)%s)"%(c(f),rows,tail)
def order():
    t=c(['int','num','dbl','txt','date','iv','bool','ts'])
    v=lambda: ", ".join("(%s)"%c(L[t]) for _ in range(R.randint(1,4)))
    src=c(["(VALUES %s) v(x)"%v(),"(SELECT x FROM (VALUES %s) a(x) %s SELECT x FROM (VALUES %s) b(x)) v"%(v(),c(["UNION","UNION ALL","INTERSECT","EXCEPT","INTERSECT ALL","EXCEPT ALL"]),v()),"(SELECT DISTINCT x FROM (VALUES %s) a(x)) v"%v()])
    return "(SELECT string_agg(coalesce(x::text, 'null'), ';' ORDER BY x%s%s) FROM %s)"%(c([""," DESC"]),c([""," NULLS FIRST"," NULLS LAST"]),src)
seen={}
while len(seen)<n:
    r=R.random()
    s=agg() if r<0.15 else order() if r<0.2 else e(c(list(L)),c([1,1,2,2,3]))
    if s not in seen and len(s)<900:
        seen[s]=True

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
zone, server = sys.argv[3:5]
script = TRY + f"SET timezone = '{zone}'; SET statement_timeout = '5s';\n" + "\n".join(f"SELECT pg_temp.try($expr${x}$expr$);" for x in seen)
psql = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", server], input=script, capture_output=True, text=True, check=True)
for x, answer in zip(seen, psql.stdout.split("\n")):
    print(zone, x, answer, sep="\t")
