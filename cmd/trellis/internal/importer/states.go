package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/trellisdb/trellis/columnar"
)

// Statuses that historians' words are kept as (OPC UA Part 6, annex A.2).
const (
	badAccessDenied  columnar.Status = 0x801F_0000
	badNoComm        columnar.Status = 0x8031_0000
	badWaiting       columnar.Status = 0x8032_0000
	badOutOfRange    columnar.Status = 0x803C_0000
	badConfiguration columnar.Status = 0x8089_0000
	badNotConnected  columnar.Status = 0x808A_0000
	badDeviceFailure columnar.Status = 0x808B_0000
	badSensorFailure columnar.Status = 0x808C_0000
	badOutOfService  columnar.Status = 0x808D_0000
)

// historianStates are the words that historians write in the place of a number, by the
// status that they are kept as. PI: the system digital states; Canary, Ignition
// (quality codes) and Proficy (qualities and sub-qualities): as their exports have
// them; and the errors of spreadsheets and of C's printf. Case, blanks and signs count
// for nothing, see stateKey.
var historianStates = map[columnar.Status]string{
	columnar.StatusBadNoData: "No Data|No Good Data|No Good Data For Calculation|No Result|No Sample|No Lab Data|No Value|Not Available|Missing|Missing Data|Data Missing|Bad_NoData|No Data Available|#N/A",
	badWaiting:               "Pt Created|Point Created|Waiting|Pending|Initializing|Bad_WaitingForInitialValue|Waiting For Initial Data",
	badNoComm: "I/O Timeout|IO Timeout|Comm Fail|Comm Failure|Comm Error|COMM_ERROR|Communication Error|Communication Failure|No Communication|Scan Timeout|" +
		"Timeout|Timed Out|Stale|Bad_Stale|Bad_GatewayCommOff|GATEWAY_COMM_OFF|Last Known|Intf Timeout",
	badNotConnected:  "Not Connect|Not Connected|Disconnected|Bad_NotConnected|Not Conn",
	badOutOfService:  "Shutdown|Intf Shut|Out of Serv|Out of Service|Scan Off|Unit Down|Offline|Off-line|Arc Off-line|Archive Offline|Arc Offline|Disabled|Bad_Disabled|Collection Disabled|DISABLED|Calc Off|No Scan",
	badDeviceFailure: "Equip Fail|Device Failure|Bad_DeviceFailure|DCS failed|Failed|Bad_Failure|Failure",
	badSensorFailure: "Bad Input|Sensor Failure|Bad_SensorFailure",
	badConfiguration: "Configure|Config Error|CONFIG_ERROR|Configuration Error|Error_Configuration|Wrong Type|Tag not found|Not Found|NOT_FOUND|Bad_NotFound|Dgt. Set Name Invalid|Duplicate Tag Name",
	badOutOfRange: "Over Range|Under Range|Inp OutRange|Out of Range|Scaled Out Of Range|Raw Out Of Range|Bad_OutOfRange|Overflow_st|Underflow_st|Overflow|Underflow|" +
		"Over Threshold|1.#INF|-1.#INF",
	badAccessDenied: "Access Denied|Bad_AccessDenied|ACCESS_DENIED",
	columnar.StatusBad: "Bad|Bad Data|Bad_Data|Bad Quality|Bad Output|Bad Total|Bad Value|Calc Failed|Calc Fail|Calculation Error|Error|Invalid|Invalid Data|Invalid Float|Coercion Failed|" +
		"Filter Fail|Set to Bad|Reject|Rejected|Sample Bad|Doubtful|Unk. Error|Not Converge|Stuck|Discarded|Sub. Value Bad|Non Specific|NonSpecific|TAG_EVAL_ERROR|Error_ExpressionEval|" +
		"Error_TagExecution|#VALUE!|#REF!|#DIV/0!|#NUM!|#NAME?|#NULL!|1.#QNAN|-1.#IND|1.#IND|-nan|nan(ind)|-nan(ind)",
}

// builtIn are historianStates, and the names of bad statuses, by stateKey.
var builtIn = func() map[string]columnar.Status {
	out := map[string]columnar.Status{}
	for name, status := range statusNames {
		if status.Quality() == columnar.Bad {
			out[stateKey(name)] = status
		}
	}
	for status, texts := range historianStates {
		for text := range strings.SplitSeq(texts, "|") {
			out[stateKey(text)] = status
		}
	}
	return out
}()

// stateKey is what of a text says which state it is: its letters and digits in lower
// case. PI writes the number of a state before it: [-11059] No Good Data.
func stateKey(text string) string {
	if strings.HasPrefix(text, "[") {
		if _, rest, found := strings.Cut(text, "]"); found && strings.TrimSpace(rest) != "" {
			text = rest
		}
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, text)
}

// states are the words that stand for a status in the place of a number.
type states map[string]columnar.Status

// newStates reads the states that are given, in addition to those that are known.
func newStates(given []string) (states, error) {
	s := maps.Clone(builtIn)
	for _, pair := range given {
		text, value, err := parsePair(pair, "--state TEXT=STATUS, such as 'Shutdown=bad:0x808D0000'")
		if err != nil {
			return nil, err
		}
		status, err := parseStatus(value)
		if err != nil {
			return nil, fmt.Errorf("--state: %w", err)
		}
		if status.Quality() != columnar.Bad {
			return nil, fmt.Errorf("--state %s: a sample without a value is bad: give a bad status, or name the text with --null", shorten(pair))
		}
		if stateKey(text) == "" {
			return nil, fmt.Errorf("--state %s: a state has letters or digits; name the text with --null", shorten(pair))
		}
		s[stateKey(text)] = status
	}
	return s, nil
}

// of returns the status of a text that is a state.
func (s states) of(text string) (columnar.Status, bool) {
	status, ok := s[stateKey(text)]
	return status, ok
}

// StateCount says how often a state stood in the place of a value.
type StateCount struct {
	State  string `json:"state"` // as the file has it
	Status uint32 `json:"status"`
	Values int64  `json:"values"`
}

// maxStates is how many different states a report counts.
const maxStates = 1000

// countState counts a value that is a state.
func (r *run) countState(text string, status columnar.Status) {
	x, ok := r.stateCounts[text]
	if !ok {
		if len(r.stateCounts) >= maxStates {
			return
		}
		text = strings.Clone(text)
		x = &StateCount{State: text, Status: uint32(status)}
		r.stateCounts[text] = x
	}
	x.Values++
}

// tellStates puts the counts of states into the report, the most frequent first.
func (r *run) tellStates() {
	for _, text := range slices.Sorted(maps.Keys(r.stateCounts)) {
		r.report.States = append(r.report.States, *r.stateCounts[text])
	}
	slices.SortStableFunc(r.report.States, func(a, b StateCount) int { return int(max(-1, min(1, b.Values-a.Values))) })
}
