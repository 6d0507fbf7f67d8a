package meta

import (
	"encoding/json"
	"fmt"
)

// RetentionSetting is the name of the server-wide setting that holds the rules
// of retention by label, a JSON array of RetentionRule.
const RetentionSetting = "retention"

// KeepSetting is the name of the server-wide setting that says for how long
// snapshots are kept, in microseconds; 0 or absent: the server's default,
// negative: for ever.
const KeepSetting = "keep_snapshots"

// RetentionRule lets the samples of series with a label go at an age.
type RetentionRule struct {
	Label string `json:"label"`
	Value string `json:"value"`
	Age   int64  `json:"age"` // microseconds
}

// ParseRetention reads the rules of the setting. It wraps ErrInvalid.
func ParseRetention(text string) ([]RetentionRule, error) {
	if text == "" {
		return nil, nil
	}
	var rules []RetentionRule
	if err := json.Unmarshal([]byte(text), &rules); err != nil {
		return nil, fmt.Errorf("setting %s: %w: %w", RetentionSetting, ErrInvalid, err)
	}
	for _, r := range rules {
		if r.Label == "" || r.Age <= 0 {
			return nil, fmt.Errorf("setting %s: %w: a rule needs a label and an age above zero", RetentionSetting, ErrInvalid)
		}
	}
	return rules, nil
}

// Keep returns the age at which samples of the series may go, in microseconds; 0:
// never. Its own retention counts before the rules; of several rules that match,
// the one that keeps longest does.
func (s Series) Keep(rules []RetentionRule) int64 {
	if s.Retention > 0 || len(rules) == 0 {
		return s.Retention
	}
	var labels map[string]any
	if json.Unmarshal([]byte(s.Labels), &labels) != nil {
		return 0
	}
	age := int64(0)
	for _, r := range rules {
		if v, ok := labels[r.Label]; ok && fmt.Sprint(v) == r.Value {
			age = max(age, r.Age)
		}
	}
	return age
}
