package store

import (
	"testing"
	"time"
)

func TestTiersAreSixteenTimesAsLargeAsTheOneBelow(t *testing.T) {
	for bytes, want := range map[int64]int{
		0: 0, smallestBytes - 1: 0, smallestBytes: 1, 16*smallestBytes - 1: 1, 16 * smallestBytes: 2, 256*smallestBytes - 1: 2, 256 * smallestBytes: 3,
	} {
		if got := tierOf(bytes); got != want {
			t.Errorf("tier of %d bytes is %d, want %d", bytes, got, want)
		}
	}
}

func TestDecadesBeginWithTheirFirstYear(t *testing.T) {
	for stamp, want := range map[string]int64{
		"1969-12-31T23:59:59Z": 196, "1970-01-01T00:00:00Z": 197, "2019-12-31T23:59:59Z": 201, "2020-01-01T00:00:00Z": 202, "0001-01-01T00:00:00Z": 0, "9999-12-31T00:00:00Z": 999,
	} {
		at, err := time.Parse(time.RFC3339, stamp)
		if err != nil {
			t.Fatal(err)
		}
		if got := decadeOf(at.UnixMicro()); got != want {
			t.Errorf("decade of %s is %d, want %d", stamp, got, want)
		}
	}
}
