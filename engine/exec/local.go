package exec

import (
	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// localPredicate is conditions on the local time as a zone.Predicate. It evaluates
// them for a page of neighbouring units of the clock at once.
type localPredicate struct {
	where *eval.Program
	width int64 // divides every width at which a condition may change
	page  int64 // number of the page that is known
	known columnar.Bitmap
	err   error
}

// pageUnits is the number of units whose answers are found together.
const pageUnits = 4096

func (q *query) localPredicate(conditions []plan.LocalCondition) (*localPredicate, error) {
	p := &localPredicate{width: microsPerDay}
	var all []plan.Expr
	for _, c := range conditions {
		all = append(all, c.Where)
		p.width = gcd(p.width, c.Width)
	}
	var err error
	p.where, err = eval.Compile(plan.And(all...), q.Env)
	return p, err
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// at implements zone.Predicate. After an error nothing holds.
func (p *localPredicate) at(local int64) (ok bool, until int64) {
	unit := floorDiv(local, p.width)
	page := floorDiv(unit, pageUnits)
	if p.known == nil || page != p.page {
		p.load(page)
	}
	i := int(unit - page*pageUnits)
	ok = p.known.Has(i)
	next := i + 1
	for next < pageUnits && p.known.Has(next) == ok {
		next++
	}
	return ok, (page*pageUnits + int64(next)) * p.width
}

// load evaluates the conditions for all units of a page.
func (p *localPredicate) load(page int64) {
	p.page, p.known = page, columnar.NewBitmap(pageUnits)
	if p.err != nil {
		return
	}
	times := column{t: plan.Timestamp}
	times.grow(pageUnits)
	for i := range times.ints {
		times.ints[i], times.nulls[i] = (page*pageUnits+int64(i))*p.width, false
	}
	b := batchOf(eval.Schema([]plan.Field{{Name: "local_time", Type: plan.Timestamp}}), []column{times}, 0, pageUnits)
	defer b.Release()
	known, _, err := p.where.Select(b)
	if err != nil {
		p.err = err
		return
	}
	p.known = known
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
