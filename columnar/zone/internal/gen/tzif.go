package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// localType is one local time type record of a TZif file.
type localType struct {
	offset       int // seconds east of Greenwich
	dst          bool
	abbreviation string
}

// tzif is the 64-bit part of a TZif file of version 2 or later.
type tzif struct {
	times  []int64 // seconds since the epoch
	typeOf []uint8 // index into types, for every element of times
	types  []localType
	footer string
}

// errTZif is wrapped by every error of [readTZif].
var errTZif = errors.New("malformed TZif file")

// header is the fixed part that begins each of the two data blocks.
type header struct {
	Magic                                                 [4]byte
	Version                                               byte
	_                                                     [15]byte
	UTCount, StdCount, Leaps, Times, Types, Abbreviations uint32
}

// size returns the bytes that a data block takes, with times of the given width.
func (h header) size(width int64) int64 {
	return int64(h.Times)*(width+1) + int64(h.Types)*6 + int64(h.Abbreviations) +
		int64(h.Leaps)*(width+4) + int64(h.StdCount) + int64(h.UTCount)
}

// readTZif decodes a TZif file (RFC 9636 section 3).
func readTZif(data []byte) (*tzif, error) {
	r := bytes.NewReader(data)
	var h header
	if err := binary.Read(r, binary.BigEndian, &h); err != nil {
		return nil, fmt.Errorf("%w: %w", errTZif, err)
	}
	if h.Version < '2' {
		return nil, fmt.Errorf("%w: version %q has no 64-bit times", errTZif, h.Version)
	}
	if _, err := r.Seek(h.size(4), 1); err != nil { // the 32-bit block
		return nil, fmt.Errorf("%w: %w", errTZif, err)
	}
	if err := binary.Read(r, binary.BigEndian, &h); err != nil {
		return nil, fmt.Errorf("%w: %w", errTZif, err)
	}
	if h.Leaps != 0 {
		return nil, fmt.Errorf("%w: it counts leap seconds", errTZif)
	}
	if h.size(8) > int64(r.Len()) {
		return nil, fmt.Errorf("%w: it is cut short", errTZif)
	}
	if h.Types == 0 {
		return nil, fmt.Errorf("%w: it has no local time type", errTZif)
	}
	z := &tzif{times: make([]int64, h.Times), typeOf: make([]uint8, h.Times)}
	records := make([]struct {
		Offset      int32
		DST, Abbrev uint8
	}, h.Types)
	names := make([]byte, h.Abbreviations)
	for _, part := range []any{z.times, z.typeOf, records, names} {
		if err := binary.Read(r, binary.BigEndian, part); err != nil {
			return nil, fmt.Errorf("%w: %w", errTZif, err)
		}
	}
	for _, rec := range records {
		if int(rec.Abbrev) >= len(names) {
			return nil, fmt.Errorf("%w: abbreviation out of range", errTZif)
		}
		name, _, _ := bytes.Cut(names[rec.Abbrev:], []byte{0})
		z.types = append(z.types, localType{int(rec.Offset), rec.DST != 0, string(name)})
	}
	for _, typ := range z.typeOf {
		if int(typ) >= len(z.types) {
			return nil, fmt.Errorf("%w: local time type out of range", errTZif)
		}
	}
	rest := data[len(data)-r.Len()+int(h.StdCount)+int(h.UTCount):]
	z.footer = string(bytes.Trim(rest, "\n"))
	return z, nil
}
