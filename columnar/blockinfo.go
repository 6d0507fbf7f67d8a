package columnar

// BlockInfo describes a live block, for the table system.blocks.
type BlockInfo struct {
	Series   int64 // id
	Block    int64 // number on the grid
	Count    QualityCounts
	Min, Max float64 // of the usable values; meaningless where there are none
	Usable   bool    // whether there are usable values
	Bytes    int64   // encoded; 0 in the head
	Segment  string  // name; empty in the head
}
