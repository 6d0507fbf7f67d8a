package zone

import "testing"

func BenchmarkTenYearsOfDays(b *testing.B) {
	z := load(b, "America/Santiago")
	from, to := utc(b, "2015-01-01T03:00Z"), utc(b, "2025-01-01T03:00Z")
	for b.Loop() {
		days, n := bins(b, days, z, 0), 0
		for range days.All(from, to) {
			n++
		}
		if n != 3653 {
			b.Fatal(n)
		}
	}
}

func BenchmarkCursorAt(b *testing.B) {
	for name, step := range map[string]int64{"every minute": minute, "every hour": hour, "every day": day} {
		b.Run(name, func(b *testing.B) {
			c := bins(b, days, load(b, "America/Santiago"), 0).Cursor()
			at := utc(b, "2015-01-01T03:00Z")
			for b.Loop() {
				c.At(at)
				at += step
			}
		})
	}
}

func BenchmarkAt(b *testing.B) {
	days := bins(b, days, load(b, "America/Santiago"), 0)
	from, at := utc(b, "2015-01-01T03:00Z"), int64(0)
	for b.Loop() {
		days.At(from + at)
		at = (at + 7*hour) % (20 * 365 * day)
	}
}

func BenchmarkOffset(b *testing.B) {
	z := load(b, "America/Santiago")
	from, at := utc(b, "2015-01-01T03:00Z"), int64(0)
	for b.Loop() {
		z.Offset(from + at)
		at = (at + 7*hour) % (20 * 365 * day)
	}
}

func BenchmarkLocalTimes(b *testing.B) {
	z := load(b, "America/Santiago")
	src, dst := make([]int64, 8192), make([]int64, 8192)
	for i := range src {
		src[i] = utc(b, "2015-01-01T03:00Z") + int64(i)*hour
	}
	b.SetBytes(int64(8 * len(src)))
	for b.Loop() {
		z.LocalTimes(dst, src)
	}
}

func BenchmarkLocalRangesOfAnHourInTenYears(b *testing.B) {
	z := load(b, "America/Santiago")
	from, to := utc(b, "2015-01-01T03:00Z"), utc(b, "2025-01-01T03:00Z")
	for b.Loop() {
		for range z.LocalRanges(from, to, HourOfDay(1<<6)) {
		}
	}
}

func BenchmarkFirstLoad(b *testing.B) {
	for b.Loop() {
		db, err := splitDatabase(tzdata)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := parseZone("America/Santiago", db.zones["America/Santiago"]); err != nil {
			b.Fatal(err)
		}
	}
}
