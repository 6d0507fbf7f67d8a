package demo

import "github.com/trellisdb/trellis/columnar"

// Statuses of OPC UA (Part 8, annex A) that the files' marks stand for.
const (
	statusLastUsable columnar.Status = 0x4090_0000 // Uncertain_LastUsableValue
	statusSubstitute columnar.Status = 0x4091_0000 // Uncertain_SubstituteValue
)

// Formed is the series that the formula makes.
const Formed = "santiago/air/temperature"

// series describes a series to be created; columns of the table series that are
// empty keep their defaults.
type series struct {
	name, kind, unit string
	period           string // an interval
	text             bool   // its values are words, not numbers
}

// file describes a bundled file: CSV with a header, as it was published.
type file struct {
	name         string // in data, without .gz
	about        string
	site, zone   string // of all its series
	comma        rune
	decimalComma bool
	stamp        []string // columns that make the time, joined by a space
	layout       string   // of the stamp, for package time; without an offset it is local to the zone
	missing      string   // what stands where there is no value, besides nothing
	bad          float64  // what stands where the value is not valid; 0: nothing does
	mask         string   // column that says True where the value is not to be trusted
	maskStatus   columnar.Status
	columns      []column
}

// column is a column of a file, by its header, that holds the values of a series.
type column struct {
	header string
	series series
}

// formed is the series of the formula.
var formed = file{
	about: "made by a formula", site: "Santiago", zone: "America/Santiago",
	columns: []column{{series: series{name: Formed, kind: "temperature", unit: "°C", period: "1 second"}}},
}

// files are the bundled files; data/README.md has their origin and licences.
var files = []file{
	{
		name: "AirQualityUCI.csv", about: "gas sensors of a street in Italy, -200 for bad", site: "Italy", zone: "+01:00",
		comma: ';', decimalComma: true, stamp: []string{"Date", "Time"}, layout: "02/01/2006 15.04.05", bad: -200,
		columns: []column{
			{"CO(GT)", hourly("italy/air/co", "gas", "mg/m³")},
			{"PT08.S1(CO)", hourly("italy/air/co.sensor", "sensor", "")},
			{"NMHC(GT)", hourly("italy/air/nmhc", "gas", "µg/m³")},
			{"C6H6(GT)", hourly("italy/air/benzene", "gas", "µg/m³")},
			{"PT08.S2(NMHC)", hourly("italy/air/nmhc.sensor", "sensor", "")},
			{"NOx(GT)", hourly("italy/air/nox", "gas", "ppb")},
			{"PT08.S3(NOx)", hourly("italy/air/nox.sensor", "sensor", "")},
			{"NO2(GT)", hourly("italy/air/no2", "gas", "µg/m³")},
			{"PT08.S4(NO2)", hourly("italy/air/no2.sensor", "sensor", "")},
			{"PT08.S5(O3)", hourly("italy/air/o3.sensor", "sensor", "")},
			{"T", hourly("italy/air/temperature", "temperature", "°C")},
			{"RH", hourly("italy/air/humidity", "humidity", "%")},
			{"AH", hourly("italy/air/humidity.absolute", "humidity", "")},
		},
	},
	{
		name: "beijing_pm25_pollution.csv", about: "particles and weather in Beijing, NA for missing", site: "Beijing", zone: "Asia/Shanghai",
		comma: ',', stamp: []string{"year", "month", "day", "hour"}, layout: "2006 1 2 15", missing: "NA",
		columns: []column{
			{"pm2.5", hourly("beijing/air/pm25", "particles", "µg/m³")},
			{"DEWP", hourly("beijing/air/dew.point", "dew point", "°C")},
			{"TEMP", hourly("beijing/air/temperature", "temperature", "°C")},
			{"PRES", hourly("beijing/air/pressure", "pressure", "hPa")},
			{"cbwd", series{name: "beijing/wind/direction", kind: "wind direction", period: "1 hour", text: true}},
			{"Iws", hourly("beijing/wind/run", "wind", "m/s")},
			{"Is", hourly("beijing/snow/hours", "snow", "h")},
			{"Ir", hourly("beijing/rain/hours", "rain", "h")},
		},
	},
	{
		name: "machine_temperature_system_failure.csv", about: "a machine before its failure, 12 stamps twice", site: "factory", zone: "UTC",
		comma: ',', stamp: []string{"timestamp"}, layout: "2006-01-02 15:04:05",
		columns: []column{{"value", series{name: "factory/machine/temperature", kind: "machine temperature", period: "5 minutes"}}},
	},
	{
		name: "ambient_temperature_system_failure.csv", about: "an office, with gaps of days", site: "office", zone: "UTC",
		comma: ',', stamp: []string{"timestamp"}, layout: "2006-01-02 15:04:05",
		columns: []column{{"value", hourly("office/air/temperature", "office temperature", "")}},
	},
	{
		name: "serf_east_15min_ac_power.csv", about: "a solar array in Colorado, every 15 min", site: "Colorado", zone: "America/Denver",
		comma: ',', stamp: []string{"measured_on"}, layout: "2006-01-02 15:04:05Z07:00",
		columns: []column{{"ac_power", series{name: "colorado/pv/power.15min", kind: "power", unit: "W", period: "15 minutes"}}},
	},
	{
		name: "serf_east_1min_ac_power.csv", about: "the same array, every minute", site: "Colorado", zone: "America/Denver",
		comma: ',', stamp: []string{"measured_on"}, layout: "2006-01-02 15:04:05Z07:00",
		columns: []column{{"ac_power__752", series{name: "colorado/pv/power.1min", kind: "power", unit: "W", period: "1 minute"}}},
	},
	{
		name: "ac_power_inv_2173_interpolated_data.csv", about: "an inverter, gaps filled in: uncertain", site: "inverter 2173", zone: "UTC",
		comma: ',', stamp: []string{"timestamp"}, layout: "2006-01-02 15:04:05Z07:00", mask: "interpolated_data_mask", maskStatus: statusSubstitute,
		columns: []column{{"value_normalized", series{name: "inverter2173/power.filled", kind: "normalized power", period: "15 minutes"}}},
	},
	{
		name: "ac_power_inv_2173_stale_data.csv", about: "the same inverter, stale values: uncertain", site: "inverter 2173", zone: "UTC",
		comma: ',', stamp: []string{"timestamp"}, layout: "2006-01-02 15:04:05Z07:00", mask: "stale_data_mask", maskStatus: statusLastUsable,
		columns: []column{{"value_normalized", series{name: "inverter2173/power.stale", kind: "normalized power", period: "15 minutes"}}},
	},
}

// hourly is a series of a number every hour.
func hourly(name, kind, unit string) series {
	return series{name: name, kind: kind, unit: unit, period: "1 hour"}
}
