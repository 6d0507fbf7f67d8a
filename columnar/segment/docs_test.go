package segment

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
)

var tableRow = regexp.MustCompile(`(?m)^\| +([0-9.]+ \w+) +\| +([0-9,]+) \| +([0-9,]+ \w+) \|$`)

// TestDocumentedBlockLengthsAreTheDefaults holds docs/format.md to
// columnar.DefaultBlockLen.
func TestDocumentedBlockLengthsAreTheDefaults(t *testing.T) {
	page, err := os.ReadFile("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := tableRow.FindAllStringSubmatch(string(page), -1)
	if len(rows) < 20 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows {
		period := duration(t, row[1]).Microseconds()
		want, err := strconv.ParseInt(strings.ReplaceAll(row[2], ",", ""), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := columnar.DefaultBlockLen(period); got != want {
			t.Errorf("block length of a period of %s is %d, the page says %d", row[1], got, want)
		}
		if lasts := duration(t, row[3]).Microseconds(); lasts != want*period {
			t.Errorf("%s: %d slots last %v, the page says %s", row[1], want, time.Duration(want*period)*time.Microsecond, row[3])
		}
	}
}

// duration reads a number and a unit as the page has them.
func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	number, unit, _ := strings.Cut(s, " ")
	n, err := strconv.ParseInt(strings.ReplaceAll(number, ",", ""), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	if units[unit] == 0 {
		t.Fatalf("unit of %q", s)
	}
	return time.Duration(n) * units[unit]
}
