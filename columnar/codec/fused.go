package codec

// restoreFloats does what frame.restore and mapping.floats do one after the other.
// For the columns that are by far the most, packed decimals by multiplication, it
// does so in one pass. dst and v are the same memory.
func (f *frame) restoreFloats(dst []float64, v []int64, m mapping) {
	if m.kind != decimalMul || f.zigzag || f.step > 1 || f.predictor == line {
		f.restore(v)
		m.floats(dst, v)
		return
	}
	up, down := tens[m.factor], tenths[m.exponent]
	switch p := f.predictor; p {
	case none:
		floatsFrom(dst, v, f.base, up, down)
	case smooth0:
		floatsDelta(dst, v, f.start, f.base, up, down)
	default:
		floatsSmooth(dst, v, f.start, f.base, p, up, down)
	}
}

// floatsFrom scales v[i] + base.
func floatsFrom(dst []float64, v []int64, base int64, up, down float64) {
	for len(v) >= 4 && len(dst) >= 4 {
		w, o := v[:4:4], dst[:4:4]
		o[0] = float64(w[0]+base) * up * down
		o[1] = float64(w[1]+base) * up * down
		o[2] = float64(w[2]+base) * up * down
		o[3] = float64(w[3]+base) * up * down
		v, dst = v[4:], dst[4:]
	}
	for i, d := range v {
		dst[i] = float64(d+base) * up * down
	}
}

// floatsDelta scales start plus all v[j] + base with j ≤ i.
func floatsDelta(dst []float64, v []int64, start, base int64, up, down float64) {
	sum := start
	base2 := base + base
	base3, base4 := base2+base, base2+base2
	for len(v) >= 4 && len(dst) >= 4 {
		w, o := v[:4:4], dst[:4:4]
		a, c := w[0], w[2]
		b, d := a+w[1], c+w[3]
		o[0] = float64(sum+base+a) * up * down
		o[1] = float64(sum+base2+b) * up * down
		o[2] = float64(sum+base3+b+c) * up * down
		sum += base4 + b + d
		o[3] = float64(sum) * up * down
		v, dst = v[4:], dst[4:]
	}
	for i, x := range v {
		sum += x + base
		dst[i] = float64(sum) * up * down
	}
}

// floatsSmooth scales start plus v[i] + base plus the smoothed mean before i.
func floatsSmooth(dst []float64, v []int64, start, base int64, p predictor, up, down float64) {
	k, sum := (p-smooth0)&7, int64(0)
	start += base
	for len(v) >= 4 && len(dst) >= 4 {
		w, o := v[:4:4], dst[:4:4]
		r0, r1, r2, r3 := w[0], w[1], w[2], w[3]
		sum1 := sum + base + r0
		sum2 := sum1 + base + r1
		sum3 := sum2 + base + r2
		o[0] = float64(start+r0+sum>>k) * up * down
		o[1] = float64(start+r1+sum1>>k) * up * down
		o[2] = float64(start+r2+sum2>>k) * up * down
		o[3] = float64(start+r3+sum3>>k) * up * down
		sum = sum3 + base + r3
		v, dst = v[4:], dst[4:]
	}
	for i, r := range v {
		dst[i] = float64(start+r+sum>>k) * up * down
		sum += r + base
	}
}
