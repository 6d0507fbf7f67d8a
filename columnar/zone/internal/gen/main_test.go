package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// encode is the inverse of readTZif, as a file of version 2 with an empty 32-bit block.
func encode(t testing.TB, z tzif) []byte {
	t.Helper()
	var names []byte
	records := make([]struct {
		Offset      int32
		DST, Abbrev uint8
	}, len(z.types))
	for i, typ := range z.types {
		records[i].Offset, records[i].Abbrev = int32(typ.offset), uint8(len(names))
		if typ.dst {
			records[i].DST = 1
		}
		names = append(append(names, typ.abbreviation...), 0)
	}
	h := header{Magic: [4]byte([]byte("TZif")), Version: '2'}
	full := h
	full.Times, full.Types, full.Abbreviations = uint32(len(z.times)), uint32(len(z.types)), uint32(len(names))
	var out bytes.Buffer
	for _, part := range []any{h, full, z.times, z.typeOf, records, names, []byte("\n" + z.footer + "\n")} {
		if err := binary.Write(&out, binary.BigEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// plain has one repeated transition in the middle and one at the end.
var plain = tzif{
	times:  []int64{-2422054408, -1000, 0, 1000},
	typeOf: []uint8{1, 1, 2, 2},
	types:  []localType{{3208, false, "LMT"}, {3600, false, "CET"}, {7200, true, "CEST"}},
	footer: "CET-1CEST,M3.5.0,M10.5.0/3",
}

func TestConvert(t *testing.T) {
	data := encode(t, plain)
	files := fstest.MapFS{
		"a/zoneinfo/tzdata.zi":      {Data: []byte("# version 2026x\nL Europe/B Europe/A\nL Europe/Z Europe/B\nZ Europe/Z 0 - UTC\n")},
		"a/zoneinfo/Europe/Z":       {Data: data},
		"a/zoneinfo/Europe/B":       {Data: data},
		"a/zoneinfo/Europe/A":       {Data: data},
		"a/zoneinfo/Europe/note.md": {Data: []byte("no zone")},
	}
	want := `tzdata 2026x
zone Europe/Z
type a +00:53:28 std LMT
type b +01:00:00 std CET
type c +02:00:00 dst CEST
1893-03-31T23:06:32 b
1970-01-01T00:00:00 c
1970-01-01T00:16:40 c
rule CET-1CEST,M3.5.0,M10.5.0/3
link Europe/A Europe/Z
link Europe/B Europe/Z
`
	got, err := convert(files)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	files["a/zoneinfo/Europe/B"] = &fstest.MapFile{Data: append(data, 0)}
	if _, err := convert(files); err == nil || !strings.Contains(err.Error(), "Europe/B") {
		t.Errorf("a link that differs from its target: error %v", err)
	}
}

func TestConvertRefuses(t *testing.T) {
	endless := plain
	endless.footer = ""
	for what, files := range map[string]fstest.MapFS{
		"no index":               {"Europe/A": {Data: encode(t, plain)}},
		"no version":             {"tzdata.zi": {Data: []byte("L a b\n")}},
		"links in a circle":      {"tzdata.zi": {Data: []byte("# version 1\nL a b\nL b a\n")}},
		"no rule for the future": {"tzdata.zi": {Data: []byte("# version 1\n")}, "A": {Data: encode(t, endless)}},
		"a file that is cut":     {"tzdata.zi": {Data: []byte("# version 1\n")}, "A": {Data: encode(t, plain)[:120]}},
	} {
		if _, err := convert(files); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func TestGenerateReadsADirectory(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string][]byte{"tzdata.zi": []byte("# version 1\n"), "A": encode(t, plain)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(t.TempDir(), "out.txt")
	if err := generate(dir, to); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(to)
	if err != nil || !strings.HasPrefix(string(text), "tzdata 1\nzone A\n") {
		t.Errorf("wrote %q, error %v", text, err)
	}
	if err := generate(filepath.Join(dir, "A"), to); err == nil {
		t.Error("a TZif file was taken for an archive")
	}
	if err := generate(filepath.Join(dir, "none"), to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a path that is not there: error %v", err)
	}
}

// FuzzReadTZif reads any bytes; what is accepted refers to nothing that is not there.
func FuzzReadTZif(f *testing.F) {
	data := encode(f, plain)
	f.Add(data)
	f.Add(data[:100])
	f.Add([]byte("TZif1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		z, err := readTZif(data)
		if err != nil {
			if !errors.Is(err, errTZif) || z != nil {
				t.Fatalf("file %v with error %v", z, err)
			}
			return
		}
		if len(z.types) == 0 || len(z.times) != len(z.typeOf) {
			t.Fatalf("%d types, %d times, %d types of times", len(z.types), len(z.times), len(z.typeOf))
		}
		for _, typ := range z.typeOf {
			if int(typ) >= len(z.types) {
				t.Fatalf("type %d of %d", typ, len(z.types))
			}
		}
	})
}
