package demo

import (
	"net"
	"strings"
)

// guide says how to connect to the server.
func guide(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = address, ""
	}
	return strings.NewReplacer("HOST", host, "PORT", port, "SERIES", Formed).Replace(connecting)
}

const connecting = `
The server stays up until Ctrl-C. Ask it yourself:

Python, ADBC (pip install adbc-driver-flightsql adbc-driver-manager pyarrow pandas)

    import adbc_driver_flightsql.dbapi as flightsql
    with flightsql.connect("grpc://HOST:PORT", autocommit=True) as c, c.cursor() as q:
        q.execute("SELECT time_bucket('1 month', time) AS month, avg(value) FROM samples "
                  "WHERE series = 'SERIES' GROUP BY 1 ORDER BY 1")
        print(q.fetch_df())

Python, Arrow Flight alone (pip install pyarrow)

    import pyarrow.flight as fl
    c = fl.connect("grpc://HOST:PORT")
    print(c.do_get(fl.Ticket(b"SELECT * FROM series")).read_pandas())

DuckDB in Python (pip install duckdb), on what either of them fetched

    import duckdb
    t = c.do_get(fl.Ticket(b"SELECT * FROM samples WHERE series LIKE 'beijing/%'")).read_all()
    print(duckdb.sql("SELECT series, count(*), avg(value) FROM t GROUP BY ALL"))

JDBC (org.apache.arrow:flight-sql-jdbc-driver), as in DBeaver

    jdbc:arrow-flight-sql://HOST:PORT/?useEncryption=false

Here

    trellis query --server grpc://HOST:PORT
`
