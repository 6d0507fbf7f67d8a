package zone

import (
	"cmp"
	"slices"
	"strings"
)

// near returns up to three names that a name which is no zone may have been meant for:
// the same letters in another case, the same place in another region, or a name a few
// letters away; none for a name that is longer than any, which takes its length times
// that of all others to compare.
func (db *database) near(name string) []string {
	const most, longest = 3, 100
	if len(name) > longest {
		return nil
	}
	type candidate struct {
		name string
		away int
	}
	var found []candidate
	plain := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), " ", "_"))
	for _, known := range db.names() {
		lower := strings.ToLower(known)
		away := editDistance(plain, lower)
		if away > 0 && plain != "" && place(lower) == place(plain) {
			away = 1
		}
		if away <= min(most, len(plain)/3) {
			found = append(found, candidate{known, away})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.away, b.away) })
	var names []string
	for _, c := range found[:min(most, len(found))] {
		if c.away > found[0].away {
			break
		}
		names = append(names, c.name)
	}
	return names
}

// place returns what follows the last slash.
func place(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// editDistance returns how many bytes must be inserted, deleted or replaced to make b of
// a (Wagner and Fischer, "The String-to-String Correction Problem").
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
