package plan

// comparisonFunctions are the comparisons, the logical operators and what else
// takes arguments of every type. Text is compared byte by byte, as in the C
// collation; NaN equals itself and is greater than every number.
var comparisonFunctions = []signature{
	{"and(boolean...) boolean", lenient, "True where all arguments are true; three-valued."},
	{"or(boolean...) boolean", lenient, "True where any argument is true; three-valued."},
	{"not(boolean) boolean", 0, "The opposite."},
	{"isnull(T) boolean", lenient, "IS NULL: whether there is no value."},
	{"isnotnull(T) boolean", lenient, "IS NOT NULL: whether there is a value."},
	{"istrue(boolean) boolean", lenient, "IS TRUE: true, and not NULL."},
	{"isnottrue(boolean) boolean", lenient, "IS NOT TRUE: false or NULL."},
	{"isfalse(boolean) boolean", lenient, "IS FALSE: false, and not NULL."},
	{"isnotfalse(boolean) boolean", lenient, "IS NOT FALSE: true or NULL."},
	{"isdistinct(O, O) boolean", lenient, "IS DISTINCT FROM: whether the two differ, where NULL equals NULL."},
	{"isnotdistinct(O, O) boolean", lenient, "IS NOT DISTINCT FROM: whether the two are equal, where NULL equals NULL."},
	{"=(O, O) boolean", 0, "Equal."},
	{"<>(O, O) boolean", 0, "Not equal."},
	{"<(O, O) boolean", 0, "Less than."},
	{"<=(O, O) boolean", 0, "Less than or equal."},
	{">(O, O) boolean", 0, "Greater than."},
	{">=(O, O) boolean", 0, "Greater than or equal."},
	{"coalesce(T...) T", lenient, "The first argument that is not NULL."},
	{"nullif(O, O) O", lenient, "NULL where the two are equal, else the first."},
	{"greatest(O...) O", lenient, "The largest of the arguments that are not NULL."},
	{"least(O...) O", lenient, "The smallest of the arguments that are not NULL."},
}

// uniform are the functions whose arguments are first brought to their common type.
var uniform = map[string]bool{"coalesce": true, "nullif": true, "greatest": true, "least": true}

// systemFunctions tell about the server and the session.
var systemFunctions = []signature{
	{"version() text", 0, "The server's name and version."},
	{"current_schema() text", 0, "The schema in which unqualified names are looked up: public."},
	{"current_database() text", 0, "The name of the catalog: trellis."},
	{"current_user() text", 0, "The session's user."},
	{"current_setting(name text) text", 0, "A setting of the session, as SHOW tells it."},
}

// jsonFunctions take JSON apart.
var jsonFunctions = []signature{
	{"->(json, key text) json", 0, "The member of an object with that key; NULL where there is none."},
	{"->(json, index bigint) json", 0, "The item of an array at that index, from 0, or from -1 for the last; NULL where there is none."},
	{"->>(json, key text) text", 0, "The member of an object with that key, as text."},
	{"->>(json, index bigint) text", 0, "The item of an array at that index, as text."},
	{"#>(json, path text) json", 0, "What stands at the end of a path such as {a,0,b}."},
	{"#>>(json, path text) text", 0, "What stands at the end of a path such as {a,0,b}, as text."},
	{"json_typeof(json) text", 0, "object, array, string, number, boolean or null."},
	{"jsonb(json) json", 0, "The document as jsonb keeps it: the last of each key, in order, with a blank after colons and commas."},
	{"jsonb_concat(json, json) json", 0, "What || is for jsonb: objects are merged, arrays follow one another."},
	{"json_array_length(json) bigint", 0, "The number of items of an array."},
}
