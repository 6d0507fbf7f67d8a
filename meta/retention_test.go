package meta_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/meta"
)

func TestParseRetention(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []meta.RetentionRule
		say  string // part of the error; empty: there is none
	}{
		{name: "nothing is no rule", text: ""},
		{name: "an empty array is no rule", text: " [] "},
		{name: "null is no rule", text: "null"},
		{
			name: "rules stay in their order",
			text: `[{"label": "site", "value": "north", "age": 1}, {"label": "kind", "value": "", "age": 9223372036854775807}]`,
			want: []meta.RetentionRule{{Label: "site", Value: "north", Age: 1}, {Label: "kind", Age: 9223372036854775807}},
		},
		{name: "a rule needs a label", text: `[{"value": "north", "age": 1}]`, say: "needs a label"},
		{name: "a rule needs an age", text: `[{"label": "site", "value": "north"}]`, say: "an age above zero"},
		{name: "an age is not negative", text: `[{"label": "site", "value": "north", "age": -1}]`, say: "an age above zero"},
		{name: "one wrong rule is enough", text: `[{"label": "a", "age": 1}, {"label": "b", "age": 0}]`, say: "an age above zero"},
		{name: "an age has no fraction", text: `[{"label": "a", "age": 1.5}]`, say: "retention"},
		{name: "a rule is an object", text: `["10 years"]`, say: "retention"},
		{name: "rules are JSON", text: `10 years`, say: "retention"},
		{name: "rules are an array", text: `{"label": "a", "age": 1}`, say: "retention"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := meta.ParseRetention(test.text)
			if test.say != "" {
				if !errors.Is(err, meta.ErrInvalid) || !strings.Contains(err.Error(), test.say) {
					t.Errorf("the error is %v, want ErrInvalid saying %s", err, test.say)
				}
				return
			}
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("the rules are %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestKeep(t *testing.T) {
	site := meta.RetentionRule{Label: "site", Value: "north", Age: 10}
	floor := meta.RetentionRule{Label: "floor", Value: "3", Age: 20}
	tests := []struct {
		name   string
		own    int64
		labels string
		rules  []meta.RetentionRule
		want   int64
	}{
		{"without rules samples stay for ever", 0, `{"site": "north"}`, nil, 0},
		{"a series' own age counts", 5, `{}`, nil, 5},
		{"a series' own age counts before the rules", 5, `{"site": "north"}`, []meta.RetentionRule{site}, 5},
		{"a rule that matches counts", 0, `{"site": "north"}`, []meta.RetentionRule{site}, 10},
		{"a rule for another value does not", 0, `{"site": "south"}`, []meta.RetentionRule{site}, 0},
		{"a rule for another label does not", 0, `{"area": "north"}`, []meta.RetentionRule{site}, 0},
		{"the one that keeps longest counts", 0, `{"site": "north", "floor": "3"}`, []meta.RetentionRule{floor, site}, 20},
		{"in any order", 0, `{"site": "north", "floor": "3"}`, []meta.RetentionRule{site, floor}, 20},
		{"a label may be a number", 0, `{"floor": 3}`, []meta.RetentionRule{floor}, 20},
		{"a label may be a boolean", 0, `{"test": true}`, []meta.RetentionRule{{Label: "test", Value: "true", Age: 7}}, 7},
		{"a label may be empty", 0, `{"site": ""}`, []meta.RetentionRule{{Label: "site", Age: 7}}, 7},
		{"a label that is not there is not an empty one", 0, `{}`, []meta.RetentionRule{{Label: "site", Age: 7}}, 0},
		{"labels that cannot be read keep everything", 0, `{`, []meta.RetentionRule{site}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := valid()
			s.Retention, s.Labels = test.own, test.labels
			if got := s.Keep(test.rules); got != test.want {
				t.Errorf("samples are kept for %d, want %d", got, test.want)
			}
		})
	}
}
