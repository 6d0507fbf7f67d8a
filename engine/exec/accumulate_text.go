package exec

import (
	"strings"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// joined is string_agg(text, delimiter): each value but the first is preceded by
// its row's delimiter.
type joined struct {
	texts []strings.Builder
	first []string // the first row's delimiter, which is used when groups are merged
	some  []bool
	bytes int64
}

func (j *joined) grow(n int) {
	if n > len(j.texts) { // a Builder must not be copied
		texts := make([]strings.Builder, max(n, 2*len(j.texts)))
		for i := range j.texts {
			texts[i].WriteString(j.texts[i].String())
		}
		j.texts = texts
	}
	j.first, j.some = extend(j.first, n), extend(j.some, n)
}

func (j *joined) update(in *input) error {
	v, delimiters := &in.args[0], &in.args[1]
	in.each(in.valid(1), func(i int, g int32) {
		delimiter := ""
		if !delimiters.IsNull(i) {
			delimiter = delimiters.Strs[place(delimiters, i)]
		}
		j.add(g, v.Strs[place(v, i)], delimiter)
	})
	return nil
}

func (j *joined) add(g int32, text, delimiter string) {
	if j.some[g] {
		j.texts[g].WriteString(delimiter)
	} else {
		j.some[g], j.first[g] = true, strings.Clone(delimiter)
	}
	j.texts[g].WriteString(text)
	j.bytes += int64(len(text) + len(delimiter))
}

func (j *joined) merge(o accumulator, to []int32) error {
	other := o.(*joined)
	for g, some := range other.some {
		if some {
			j.add(to[g], other.texts[g].String(), other.first[g])
		}
	}
	return nil
}

func (j *joined) result() (eval.Vector, error) {
	out := make([]string, len(j.some))
	for g := range out {
		out[g] = j.texts[g].String()
	}
	return optional(eval.Vector{T: plan.Text, Strs: out}, len(out), func(g int) bool { return j.some[g] }), nil
}

func (j *joined) size() int64 { return 2*j.bytes + 40*int64(cap(j.first)) }
