package codec

import "testing"

// benchColumns are the columns that the benchmarks encode, by what is in them.
func benchColumns() map[string][]float64 {
	const n = 64 * blockLength
	scaled, half, fine := sensor(n, 0.25, false, 2), sensor(n, 0.25, false, 2), sensor(n, 0.25, false, 4)
	for i := range scaled {
		scaled[i] *= 1.02
		fine[i] *= 1.02
		if i%blockLength > blockLength/2 {
			half[i] = scaled[i]
		}
	}
	return map[string][]float64{
		"rounded":        sensor(n, 0.25, false, 2),
		"rounded-walk":   sensor(n, 0.02, true, 2),
		"unrounded":      sensor(n, 0.25, false, -1),
		"unrounded-walk": sensor(n, 0.02, true, -1),
		"scaled":         scaled, // as UPDATE leaves them, with value * 1.02
		"half-scaled":    half,
		"fine-scaled":    fine,
	}
}

var benchCodecs = []Codec{Auto, Packed, Planes, Split, Real, Dictionary, Raw}

func perValue(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/blockLength, "ns/value")
}

func BenchmarkEncode(b *testing.B) {
	for name, values := range benchColumns() {
		for _, c := range benchCodecs {
			b.Run(name+"/"+c.String(), func(b *testing.B) {
				e := NewEncoder()
				var column []byte
				at := 0
				for b.Loop() {
					var err error
					if column, err = e.AppendFloat64s(column[:0], values[at:at+blockLength], c); err != nil {
						b.Fatal(err)
					}
					at = (at + blockLength) % len(values)
				}
				perValue(b)
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, values := range benchColumns() {
		for _, c := range benchCodecs {
			b.Run(name+"/"+c.String(), func(b *testing.B) {
				d := NewDecoder()
				var columns [][]byte
				for at := 0; at < len(values); at += blockLength {
					column, err := AppendFloat64s(nil, values[at:at+blockLength], c)
					if err != nil {
						b.Fatal(err)
					}
					columns = append(columns, column)
				}
				got, at := make([]float64, blockLength), 0
				for b.Loop() {
					if err := d.DecodeFloat64s(got, columns[at]); err != nil {
						b.Fatal(err)
					}
					at = (at + 1) % len(columns)
				}
				perValue(b)
			})
		}
	}
}

func BenchmarkStatuses(b *testing.B) {
	statuses := make([]uint32, blockLength)
	for i := range statuses {
		statuses[i] = uint32(i/500%2) << 31
	}
	e, d := NewEncoder(), NewDecoder()
	var column []byte
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			var err error
			if column, err = e.AppendUint32s(column[:0], statuses, Auto); err != nil {
				b.Fatal(err)
			}
		}
		perValue(b)
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if err := d.DecodeUint32s(statuses, column); err != nil {
				b.Fatal(err)
			}
		}
		perValue(b)
	})
}
