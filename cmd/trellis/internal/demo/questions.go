package demo

import "strings"

// question is something that the demo asks.
type question struct {
	title string
	sql   string
	zone  string // in which instants are shown; empty: UTC
	show  int    // rows that are shown at most; 0: all
	off   bool   // with summaries switched off; the answer has to be that of the question before
}

// touchesSamples reports whether the question is one that EXPLAIN ANALYZE can say more
// about.
func (q question) touchesSamples() bool {
	return strings.Contains(q.sql, "FROM samples") && !strings.HasPrefix(q.sql, "EXPLAIN")
}

const santiago = "America/Santiago"

// byMonth is the first question. It is asked a second time, with summaries off.
const byMonth = `SELECT time_bucket('1 month', time) AS month, count(*) AS samples, avg(value), min(value), max(value)
FROM samples WHERE series = '` + Formed + `'
GROUP BY month ORDER BY month`

// byLocalDay finds the days on which clocks were changed.
const byLocalDay = `SELECT local_bucket('1 day', time) AS day, count(*) / 3600 AS hours, avg(value), min(value), max(value)
FROM samples WHERE series = '` + Formed + `'
GROUP BY day HAVING count(*) <> 24 * 3600 ORDER BY day DESC`

// questions are asked in this order.
var questions = []question{
	{title: "Ten years at a sample per second, by month in Santiago", sql: byMonth, zone: santiago, show: 6},
	{title: "The same, computed from every sample instead of from summaries", sql: byMonth, zone: santiago, show: 2, off: true},
	{title: "Days that did not have 24 hours there: clocks went forward or back", sql: byLocalDay, show: 6},
	{
		title: "The week in which the clocks in Santiago went forward, by local day", zone: santiago,
		sql: `SELECT time_bucket('1 day', time) AS begins, count(*) / 3600 AS hours, avg(value), min(value), max(value)
FROM samples WHERE series = '` + Formed + `' AND local_time >= '2024-09-05' AND local_time < '2024-09-12'
GROUP BY begins ORDER BY begins`,
	},
	{
		title: "How warm it is at 6 in the morning, where each sensor stands",
		sql: `SELECT series, s.zone, count(*) AS samples, avg(value), min(value), max(value)
FROM samples JOIN series s USING (series)
WHERE s.labels->>'kind' = 'temperature' AND extract(hour FROM local_time) = 6
GROUP BY series, s.zone ORDER BY series`,
	},
	{
		title: "What the sensors are worth: the share of good samples",
		sql: `SELECT series, count(*) AS samples, good_pct(quality), good_duration(quality)
FROM samples GROUP BY series ORDER BY good_pct(quality), series LIMIT 10`,
	},
	{
		title: "Why the samples of the inverter are not good: OPC UA statuses",
		sql: `SELECT series, quality, to_hex(status) AS status, count(*) AS samples, avg(value), avg(raw_value) AS raw
FROM samples WHERE series LIKE 'inverter2173/%' GROUP BY series, quality, samples.status ORDER BY series, samples.status`,
	},
	{
		title: "Yearly mean temperatures by site, which is a label of the catalog",
		sql: `SELECT s.labels->>'site' AS site, local_bucket('1 year', time) AS year, avg(value), min(value), max(value)
FROM samples JOIN series s USING (series)
WHERE s.labels->>'kind' = 'temperature' GROUP BY site, year ORDER BY site, year`, show: 12,
	},
	{
		title: "The coldest and the warmest moment of each site, on its own clock",
		sql: `SELECT series, min(value), min_by(time, value) AT TIME ZONE s.zone AS coldest, max(value), max_by(time, value) AT TIME ZONE s.zone AS warmest
FROM samples JOIN series s USING (series)
WHERE s.labels->>'kind' = 'temperature' GROUP BY series, s.zone ORDER BY series`,
	},
	{
		title: "Energy and mean power of the solar array by month, gaps weighted by time", zone: "America/Denver",
		sql: `SELECT time_bucket('1 month', time) AS month, time_weighted_avg(value) AS watts, integral(value, 'hour') / 1000 AS kwh, max(value)
FROM samples WHERE series = 'colorado/pv/power.15min' GROUP BY month ORDER BY month`,
	},
	{
		title: "Which wind brings the dust to Beijing: two series joined by time",
		sql: `SELECT w.text AS wind, count(*) AS hours, avg(p.value) AS pm25, max(p.value)
FROM samples p JOIN samples w USING (time)
WHERE p.series = 'beijing/air/pm25' AND w.series = 'beijing/wind/direction'
GROUP BY wind ORDER BY pm25 DESC`,
	},
	{
		title: "What it takes on disk",
		sql: `SELECT count(*) AS segments, sum(samples) AS samples, sum(blocks) AS blocks, sum(bytes) AS bytes, sum(bytes) * 1.0 / sum(samples) AS bytes_per_sample
FROM system.segments`,
	},
	{title: "How that was done: ten years by local day, explained", sql: "EXPLAIN ANALYZE " + byLocalDay},
}
