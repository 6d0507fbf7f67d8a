package plan

import (
	"errors"
	"testing"
)

func TestResolveFunc(t *testing.T) {
	tests := []struct {
		name string
		call string
		args []Type
		want string // signature, or the SQLSTATE of the error
	}{
		{"an exact overload is chosen", "abs", []Type{Bigint}, "abs(bigint)"},
		{"bigint is widened to double", "sqrt", []Type{Bigint}, "sqrt(double precision)"},
		{"mixed numbers are doubles", "+", []Type{Bigint, Double}, "+(double precision, double precision)"},
		{"a literal takes the other side's type", "+", []Type{Bigint, Unknown}, "+(bigint, bigint)"},
		{"a literal compared with an instant is an instant", ">=", []Type{Timestamptz, Unknown}, ">=(timestamp with time zone, timestamp with time zone)"},
		{"a date compared with an instant is an instant", "<", []Type{Timestamptz, Date}, "<(timestamp with time zone, timestamp with time zone)"},
		{"two literals are text", "=", []Type{Unknown, Unknown}, "=(text, text)"},
		{"a date is truncated as an instant", "date_trunc", []Type{Unknown, Date}, "date_trunc(text, timestamp with time zone)"},
		{"an instant minus a literal is an interval", "-", []Type{Timestamptz, Unknown}, "-(timestamp with time zone, timestamp with time zone)"},
		{"an instant minus an interval", "-", []Type{Timestamptz, Interval}, "-(timestamp with time zone, interval)"},
		{"a number and text are concatenated", "||", []Type{Text, Bigint}, "||(text, text)"},
		{"concat takes everything", "concat", []Type{Bigint, Boolean, Unknown}, "concat(text, ...)"},
		{"coalesce has the common type", "coalesce", []Type{Bigint, Double, Unknown}, "coalesce(double precision, ...)"},
		{"coalesce of nothing known is text", "coalesce", []Type{Unknown, Unknown}, "coalesce(text, ...)"},
		{
			"a bin with an origin in a literal has a local origin", "time_bucket",
			[]Type{Unknown, Timestamptz, Unknown, Unknown},
			"time_bucket(interval, timestamp with time zone, text, text)",
		},
		{"a JSON key in a literal is text", "->>", []Type{JSON, Unknown}, "->>(json, text)"},
		{"text is not a number", "sqrt", []Type{Text}, CodeUndefFunction},
		{"text and a number are not compared", "=", []Type{Text, Bigint}, CodeUndefFunction},
		{"no such function", "frobnicate", []Type{Text}, CodeUndefFunction},
		{"too many arguments", "abs", []Type{Bigint, Bigint}, CodeUndefFunction},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := ResolveFunc(tt.call, tt.args, 7)
			got := ""
			var mistake *Error
			if errors.As(err, &mistake) {
				got = mistake.Code
				if mistake.Pos != 7 || mistake.Hint == "" {
					t.Errorf("error %v has no position or hint", mistake)
				}
			} else {
				got = f.String()
			}
			if got != tt.want {
				t.Errorf("%s resolves to %s, want %s (%v)", describeCall(tt.call, tt.args), got, tt.want, err)
			}
		})
	}
}
