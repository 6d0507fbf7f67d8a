package plan

import (
	"strings"
	"testing"
)

func TestSignaturesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Functions() {
		if seen[f.String()] {
			t.Errorf("%s is declared twice", f)
		}
		seen[f.String()] = true
		if f.Doc == "" || !strings.HasSuffix(f.Doc, ".") && !strings.HasSuffix(f.Doc, "…") {
			t.Errorf("%s has no sentence for system.functions: %q", f, f.Doc)
		}
		if len(f.Names) != len(f.Args) {
			t.Errorf("%s has %d arguments and %d names", f, len(f.Args), len(f.Names))
		}
	}
	for _, f := range Aggregates() {
		if seen[f.String()] {
			t.Errorf("%s is declared twice", f)
		}
		seen[f.String()] = true
		for _, name := range f.Implicit {
			if Samples.Column(name) < 0 && Series.Column(name) < 0 {
				t.Errorf("%s asks for %s, which neither samples nor series have", f, name)
			}
		}
		if f.Path && (len(f.Implicit) < 2 || f.Implicit[0] != "series" || f.Implicit[1] != "time") {
			t.Errorf("%s follows a path but asks for %v", f, f.Implicit)
		}
	}
}

func TestResolveAggregate(t *testing.T) {
	tests := []struct {
		call string
		args []Type
		want string
	}{
		{"count", nil, "count()"},
		{"sum", []Type{Bigint}, "sum(bigint)"},
		{"avg", []Type{Bigint}, "avg(bigint)"},
		{"avg", []Type{Unknown}, "avg(double precision)"},
		{"first", []Type{Double, Timestamptz}, "first(double precision, timestamp with time zone)"},
		{"first", []Type{Text, Timestamp}, "first(text, timestamp without time zone)"},
		{"percentile_disc", []Type{Double, Text}, "percentile_disc(double precision, text)"},
		{"duration_in", []Type{Text, Unknown}, "duration_in(text, text)"},
		{"duration_in", []Type{Bigint, Unknown}, "duration_in(bigint, bigint)"},
	}
	for _, tt := range tests {
		f, err := ResolveAggregate(tt.call, tt.args, 1)
		if err != nil {
			t.Errorf("%s of %v: %v", tt.call, tt.args, err)
			continue
		}
		if f.String() != tt.want {
			t.Errorf("%s of %v resolves to %s, want %s", tt.call, tt.args, f, tt.want)
		}
	}
}

func TestCommonType(t *testing.T) {
	tests := []struct {
		name  string
		types []Type
		want  Type
		ok    bool
	}{
		{"nothing known is text", []Type{Unknown, Unknown}, Text, true},
		{"numbers widen in any order", []Type{Double, Unknown, Bigint}, Double, true},
		{"dates and times widen", []Type{Date, Timestamptz, Timestamp}, Timestamptz, true},
		{"text and numbers do not meet", []Type{Text, Bigint}, Unknown, false},
		{"json is not text", []Type{JSON, Text}, Unknown, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := CommonType(tt.types); ok != tt.ok || ok && got != tt.want {
				t.Errorf("common type of %v is %s, %v; want %s, %v", tt.types, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	names := []string{"series", "time", "value", "int_value", "quality"}
	for name, want := range map[string]string{
		"valeu": "value", "tiem": "time", "serie": "series", "Quality": "quality", "wert": "", "x": "", "intvalue": "int_value",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("nearest to %q is %q, want %q", name, got, want)
		}
	}
}
