package importer

import (
	"archive/zip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

func TestTextsInOtherEncodingsAreRead(t *testing.T) {
	const text = "time,größe\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01,2\n"
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	latin, err := charmap.Windows1252.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text, encoding string }{
		{"UTF-16 with its mark", utf16, ""},
		{"UTF-16 without", bare, "auto"},
		{"a code page that is named", latin, "windows-1252"},
		{"the mark of UTF-8", "\ufeff" + text, ""},
		{"lines that end in CR", "time,größe\r2024-01-01 00:00:00,1\r2024-01-01 00:00:01,2\r", ""},
		{"a line that names the delimiter", "sep=,\r\n" + text, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := openDir(t)
			o := described(write(t, "a.csv", test.text))
			o.Text.Encoding = test.encoding
			if r, err := Run(t.Context(), conn, o); err != nil || r.Samples != 2 {
				t.Fatalf("%+v, %v", r, err)
			}
			if got, want := rows(t, conn, "SELECT series, value FROM samples ORDER BY time"), []string{"x/größe 1", "x/größe 2"}; !slices.Equal(got, want) {
				t.Errorf("samples %q, want %q", got, want)
			}
		})
	}
}

func TestWorkbooksAndArchivesAreRead(t *testing.T) {
	book := excelize.NewFile()
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	put := func(cell string, x any) {
		if err := book.SetCellValue("Sheet1", cell, x); err != nil {
			t.Fatal(err)
		}
	}
	put("A1", "When")
	put("B1", "Flow rate")
	put("B2", "m3/h")
	put("A3", begin)
	put("B3", 1.25)
	put("A4", begin.Add(15*time.Minute))
	put("B4", 2.5)
	put("A5", begin.Add(30*time.Minute))
	put("B5", "Bad Input")
	path := filepath.Join(t.TempDir(), "a.xlsx")
	if err := book.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	o := described(path)
	o.Time.Columns, o.Text.UnitsRow = []string{"When"}, true
	conn := openDir(t)
	if r, err := Run(t.Context(), conn, o); err != nil || r.Samples != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	want := []string{
		"x/Flow rate m3/h 2024-01-01 00:00:00+00 1.25 0", "x/Flow rate m3/h 2024-01-01 00:15:00+00 2.5 0", "x/Flow rate m3/h 2024-01-01 00:30:00+00 (null) 2156658688",
	}
	got := rows(t, conn, "SELECT s.series, unit, CAST(time AS text), value, status FROM samples s JOIN series USING (series) ORDER BY time")
	if !slices.Equal(got, want) {
		t.Errorf("samples\n%q, want\n%q", got, want)
	}
	o.Text.Sheet = "Sheet7"
	if _, err := Run(t.Context(), conn, o); err == nil {
		t.Error("a sheet that is not there is read")
	}

	path = filepath.Join(t.TempDir(), "a.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(f)
	w, err := archive.Create("inside.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("time,v\n2024-01-01 00:00:00,1\n")); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := Run(t.Context(), openDir(t), described(path)); err != nil || r.Samples != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestBlanksBetweenFieldsAreOneDelimiter(t *testing.T) {
	for line, want := range map[string]string{
		"a b\n":             "a\tb\n",
		"  a \t  b  \r\n":   "a\tb\r\n",
		"\"a  b\"   c":      "\"a  b\"\tc",
		"\n":                "\n",
		"2024-01-01 00:00 ": "2024-01-01\t00:00",
	} {
		if got := string(squeeze([]byte(line))); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
}
