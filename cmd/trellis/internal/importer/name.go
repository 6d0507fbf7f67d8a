package importer

import (
	"fmt"
	"slices"
	"strings"
)

// columnPlace is the placeholder of the value column's name.
const columnPlace = "column"

// template makes names of series.
type template struct {
	parts []templatePart
	rows  []int // columns whose values are part of a name, in order of first use
}

// templatePart is a literal text, the value column's name, or the value of a column.
type templatePart struct {
	literal string
	column  bool
	row     int // index into template.rows; -1: none
}

// newTemplate reads a template for a file with the columns.
func newTemplate(text string, columns []string) (*template, error) {
	t := &template{}
	for rest := text; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			t.parts = append(t.parts, templatePart{literal: rest, row: -1})
			break
		}
		end := strings.IndexByte(rest[open:], '}')
		if end < 0 {
			return nil, fmt.Errorf("name %q: a { is not closed", text)
		}
		if open > 0 {
			t.parts = append(t.parts, templatePart{literal: rest[:open], row: -1})
		}
		name := rest[open+1 : open+end]
		rest = rest[open+end+1:]
		if name == columnPlace {
			t.parts = append(t.parts, templatePart{column: true, row: -1})
			continue
		}
		i, err := find(columns, name)
		if err != nil {
			return nil, fmt.Errorf("name %q: %w", text, err)
		}
		at := slices.Index(t.rows, i)
		if at < 0 {
			at = len(t.rows)
			t.rows = append(t.rows, i)
		}
		t.parts = append(t.parts, templatePart{row: at})
	}
	return t, nil
}

// byColumn reports whether the value column's name is part of a name.
func (t *template) byColumn() bool {
	return slices.ContainsFunc(t.parts, func(p templatePart) bool { return p.column })
}

// name returns the name of a series of a value column; key are the values of the
// columns t.rows.
func (t *template) name(column string, key []string) string {
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.column:
			b.WriteString(column)
		case p.row >= 0:
			b.WriteString(key[p.row])
		default:
			b.WriteString(p.literal)
		}
	}
	return b.String()
}

// find returns the index of a column.
func find(columns []string, name string) (int, error) {
	found := -1
	for i, c := range columns {
		if c != name {
			continue
		}
		if found >= 0 {
			return -1, fmt.Errorf("there are two columns named %q: rename one", name)
		}
		found = i
	}
	if found >= 0 {
		return found, nil
	}
	for i, c := range columns {
		if strings.EqualFold(c, name) {
			if found >= 0 {
				found = -1
				break
			}
			found = i
		}
	}
	if found >= 0 {
		return found, nil
	}
	return -1, fmt.Errorf("there is no column %q; there are %s", name, list(columns))
}

// list names columns in a message.
func list(columns []string) string {
	var out []string
	for _, c := range columns {
		if c == "" {
			continue
		}
		if len(out) == 20 {
			return strings.Join(out, ", ") + ", ..."
		}
		out = append(out, shorten(c))
	}
	return strings.Join(out, ", ")
}
