package exec

import (
	"fmt"
	"math"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// fixedBins are bins of one length, counted from an instant.
type fixedBins struct {
	width, origin int64
	zone          *zone.Zone // whose clock labels the bins
}

// Bin implements columnar.Bins.
func (b fixedBins) Bin(t int64) zone.Bin {
	r := (t - b.origin) % b.width
	if r < 0 {
		r += b.width
	}
	from := t - r
	return zone.Bin{From: from, To: from + b.width, Local: b.zone.Local(from)}
}

// clockBins are the bins of package zone, labelled by the clock of the series: that
// of the bins themselves may be another.
type clockBins struct {
	bins zone.Bins
	zone *zone.Zone
}

// Bin implements columnar.Bins.
func (b clockBins) Bin(t int64) zone.Bin {
	bin := b.bins.At(t)
	bin.Local = b.zone.Local(bin.From)
	return bin
}

// oneBin is all time in one bin.
type oneBin struct{}

// Bin implements columnar.Bins.
func (oneBin) Bin(int64) zone.Bin {
	return zone.Bin{From: math.MinInt64, To: math.MaxInt64, Local: math.MinInt64}
}

// cutBins cuts time wherever one of its parts does.
type cutBins struct {
	parts []columnar.Bins
	zone  *zone.Zone
}

// Bin implements columnar.Bins.
func (b cutBins) Bin(t int64) zone.Bin {
	out := zone.Bin{From: math.MinInt64, To: math.MaxInt64}
	for _, p := range b.parts {
		bin := p.Bin(t)
		out.From, out.To = max(out.From, bin.From), min(out.To, bin.To)
	}
	out.Local = b.zone.Local(out.From)
	return out
}

// bins returns the partition of each series of a binding.
func (q *query) bins(b *binding, specs []plan.BinSpec) ([]columnar.Bins, error) {
	out := make([]columnar.Bins, len(b.rows))
	zones, err := q.specZones(b, specs)
	if err != nil {
		return nil, err
	}
	type zonesOf struct{ series, first *zone.Zone }
	known := map[zonesOf]columnar.Bins{}
	for i, row := range b.rows {
		own := q.Series.Zones[row]
		var parts []columnar.Bins
		key := zonesOf{series: own}
		if len(specs) == 1 {
			key.first = zones[0][i]
			if have, ok := known[key]; ok {
				out[i] = have
				continue
			}
		}
		for k, spec := range specs {
			part, err := newBins(spec, zones[k][i], own)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		switch len(parts) {
		case 0:
			out[i] = oneBin{}
		case 1:
			out[i] = parts[0]
			known[key] = parts[0]
		default:
			out[i] = cutBins{parts: parts, zone: own}
		}
	}
	return out, nil
}

// specZones returns the zone of each partition for each series.
func (q *query) specZones(b *binding, specs []plan.BinSpec) ([][]*zone.Zone, error) {
	out := make([][]*zone.Zone, len(specs))
	for k, spec := range specs {
		out[k] = make([]*zone.Zone, len(b.rows))
		if spec.Zone == nil {
			for i, row := range b.rows {
				out[k][i] = q.Series.Zones[row]
			}
			continue
		}
		p, err := eval.Compile(spec.Zone, q.Env)
		if err != nil {
			return nil, err
		}
		names, err := p.Vector(q.Series.Batch)
		if err != nil {
			return nil, err
		}
		for i, row := range b.rows {
			if names.IsNull(int(row)) {
				out[k][i] = zone.UTC // the key is NULL whatever the bin
				continue
			}
			if out[k][i], err = plan.LoadZone(0, names.Strs[place(&names, int(row))]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// newBins returns the partition of a specification in a zone, for a series of a
// zone of its own.
func newBins(spec plan.BinSpec, z, own *zone.Zone) (columnar.Bins, error) {
	width := zone.Width(spec.Width)
	switch spec.Kind {
	case plan.FixedBins:
		if spec.Width.Months != 0 {
			return nil, fmt.Errorf("exec: fixed bins of months")
		}
		return fixedBins{width: int64(spec.Width.Days)*microsPerDay + spec.Width.Micros, origin: spec.Origin, zone: own}, nil
	case plan.LocalBins:
		bins, err := zone.NewLocalBins(width, z, spec.Origin)
		if err != nil {
			return nil, plan.Errorf(0, plan.CodeInvalidValue, "%v", err)
		}
		return clockBins{bins: bins, zone: own}, nil
	}
	bins, err := eval.NewBins(width, z, spec.Origin)
	return clockBins{bins: bins, zone: own}, err
}
