package store_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
)

var update = flag.Bool("update", false, "write testdata/journal anew")

// goldenChanges are changes of every kind.
func goldenChanges() []meta.Change {
	high := 5.5
	berlin, _ := zone.Load("Europe/Berlin")
	calendar, _ := columnar.NewGrid(zone.Width{Days: 1}, berlin, 0, 512)
	segment := meta.Segment{Name: "segments/0000000000000001-00000001.seg", Version: 1, Size: 160, Series: 1, Blocks: 2, Samples: 3, From: 4, To: 5, CRC: 6, Digest: 7, Created: 1}
	history := meta.Segment{Name: "segments/0000000000000001-00000002.seg", Version: 1, Size: 161, Created: 2, History: true}
	return []meta.Change{
		{Series: []meta.Series{
			{Series: columnar.Series{ID: 1, Type: columnar.Double, Grid: columnar.Grid{Period: 1_000_000, BlockLen: 3600}}, Name: "a", Zone: "UTC", Codec: "auto", Labels: "{}", High: &high, Created: 9},
			{Series: columnar.Series{ID: 2, Type: columnar.Enum, Grid: calendar}, Name: "b/ö", Zone: "Europe/Berlin", Codec: "auto", Labels: `{"a": "b"}`, States: []string{"off", "on"}, Retention: 7},
		}},
		{Log: &meta.Log{ID: "0123"}},
		{Snapshot: &meta.Snapshot{ID: 1, Time: 10, Note: "flush", Kept: true}, Add: []meta.Segment{segment}, Log: &meta.Log{ID: "0123", Position: 1<<64 - 1}},
		{
			Snapshot: &meta.Snapshot{ID: 2, Time: 20, Note: "overwrite", Edit: 3, Kept: true}, Add: []meta.Segment{history},
			Edit: &meta.Edit{ID: 3, Snapshot: 2, Time: 20, Kind: columnar.Overwrite, Who: "Ada", Reason: "drift", Source: "x", EditCounts: columnar.EditCounts{Replaced: 4}, Ranges: []meta.EditRange{{Series: 1, From: -5, To: 6}}},
		},
		{Snapshot: &meta.Snapshot{ID: 3, Time: 30, Kept: true}, Retire: []string{segment.Name}, Replace: []meta.Replacement{{Old: history.Name}}},
		{Setting: &meta.Setting{Name: "keep_snapshots", Value: "-1"}},
		{Pin: &meta.Pin{Name: "audit", Snapshot: 1, Who: "Ada", Created: 40}},
		{Unpin: "audit"},
		{GaveUp: 3, Unlinked: []string{segment.Name}},
	}
}

// TestChangesThatWereOnceWrittenAreRead reads what is in testdata, and compares it with
// what would be written now.
func TestChangesThatWereOnceWrittenAreRead(t *testing.T) {
	content := meta.Content{ID: "db", Head: "db", Settings: map[string]string{}}
	replay := meta.NewReplay(&content)
	var lines []string
	head := content.Head
	for i, change := range goldenChanges() {
		change.Number, change.Before = int64(i+1), head
		entry, err := meta.NewEntry(&change)
		if err != nil {
			t.Fatal(err)
		}
		if err := replay.Apply(entry); err != nil {
			t.Fatal(err)
		}
		head = entry.Digest()
		lines = append(lines, entry.Text)
	}
	content = replay.Content()
	text, err := json.Marshal(&content)
	if err != nil {
		t.Fatal(err)
	}
	for _, golden := range []struct {
		name  string
		lines []string
	}{{"changes", lines}, {"checkpoint", []string{string(text)}}} {
		packed, readable := filepath.Join("testdata", "journal", golden.name), filepath.Join("testdata", "journal", golden.name+".txt")
		if *update {
			data, err := store.PackJournal(golden.name, "db", int64(len(lines)), head, golden.lines)
			if err != nil {
				t.Fatal(err)
			}
			for path, data := range map[string][]byte{packed: data, readable: []byte(strings.Join(golden.lines, "\n") + "\n")} {
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		data, err := os.ReadFile(packed)
		if err != nil {
			t.Fatal(err)
		}
		first, got, err := store.UnpackJournal(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(golden.lines, got); diff != "" {
			t.Errorf("%s differ (-now +then):\n%s", golden.name, diff)
		}
		want := fmt.Sprintf("{1 %s db %d %s}", golden.name, len(lines), head)
		if is := fmt.Sprint(first); is != want {
			t.Errorf("the first line says %s, want %s", is, want)
		}
		shown, err := os.ReadFile(readable)
		if err != nil || string(shown) != strings.Join(got, "\n")+"\n" {
			t.Errorf("%s.txt is not what %s says, %v", golden.name, golden.name, err)
		}
	}
}
