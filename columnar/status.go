package columnar

// Status is an OPC UA StatusCode (OPC UA Part 4, section 7.39).
type Status uint32

// Status codes that the server itself gives to samples.
const (
	StatusGood      Status = 0
	StatusUncertain Status = 0x4000_0000
	StatusBad       Status = 0x8000_0000
	StatusBadNoData Status = 0x809B_0000 // a sample came without a value
)

// Quality is the class of a status: its two highest bits.
type Quality uint8

// The qualities, best first.
const (
	Good Quality = iota
	Uncertain
	Bad
)

// Quality returns the status' class. The reserved severity 11 counts as bad.
func (s Status) Quality() Quality { return min(Quality(s>>30), Bad) }

// String returns the quality's name as SQL spells it.
func (q Quality) String() string { return [...]string{"good", "uncertain", "bad"}[min(q, Bad)] }

// ParseQuality returns the quality of that name.
func ParseQuality(name string) (Quality, bool) {
	for q := Good; q <= Bad; q++ {
		if q.String() == name {
			return q, true
		}
	}
	return 0, false
}

// QualitySet is a set of qualities: bit q stands for quality q.
type QualitySet uint8

// The sets of qualities that have names.
const (
	OnlyGood      QualitySet = 1 << Good
	OnlyUncertain QualitySet = 1 << Uncertain
	OnlyBad       QualitySet = 1 << Bad
	Usable                   = OnlyGood | OnlyUncertain // what `value` is made of
	AnyQuality               = Usable | OnlyBad
)

// Has reports whether q is in the set.
func (s QualitySet) Has(q Quality) bool { return s>>q&1 == 1 }

// Mark says what an edit did to a slot.
type Mark uint8

// The marks. The numbers are part of the file format.
const (
	Unedited Mark = iota
	Inserted      // an edit wrote a sample where there was none
	Replaced      // an edit wrote over a sample
	Deleted       // an edit took the sample away; the slot is not present
)

// String returns the mark's name as SQL spells it, empty for Unedited.
func (m Mark) String() string {
	return [...]string{"", "inserted", "replaced", "deleted"}[min(m, Deleted)]
}
