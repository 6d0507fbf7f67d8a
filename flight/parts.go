package flight

import (
	"github.com/apache/arrow-go/v18/arrow/flight"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/trellisdb/trellis/engine/plan"
)

// maxParts is how many fields a command may have, those of what is in it included. An
// empty one of two bytes takes a hundred once it is unpacked.
const maxParts = 1 << 14

func tooManyParts() error {
	return plan.Errorf(0, plan.CodeTooMany, "the command has more than %d parts", maxParts).WithHint("ask for less at once")
}

// anyName is the name of the message that holds another one with its type.
var anyName = (&anypb.Any{}).ProtoReflect().Descriptor().FullName()

// bodies are the messages in the bodies of actions; those of Flight SQL are in an Any.
var bodies = map[string]proto.Message{
	flight.CancelFlightInfoActionType:    &pb.CancelFlightInfoRequest{},
	flight.RenewFlightEndpointActionType: &pb.RenewFlightEndpointRequest{},
	flight.SetSessionOptionsActionType:   &pb.SetSessionOptionsRequest{},
	flight.GetSessionOptionsActionType:   &pb.GetSessionOptionsRequest{},
	flight.CloseSessionActionType:        &pb.CloseSessionRequest{},
}

// checkParts refuses what holds more parts than are unpacked.
func checkParts(message proto.Message) error {
	raw, kind := []byte(nil), (&anypb.Any{}).ProtoReflect().Descriptor()
	switch m := message.(type) {
	case *pb.FlightDescriptor:
		raw = m.GetCmd()
	case *pb.Ticket:
		raw = m.GetTicket()
	case *pb.FlightData:
		raw = m.GetFlightDescriptor().GetCmd()
	case *pb.Action:
		raw = m.GetBody()
		if body, ok := bodies[m.GetType()]; ok {
			kind = body.ProtoReflect().Descriptor()
		}
	}
	if len(raw) < maxParts {
		return nil
	}
	return countParts(raw, kind)
}

// countParts refuses a message that has more parts than are unpacked. What is no
// message at all, such as a statement's text, is left to those who read it.
func countParts(raw []byte, kind protoreflect.MessageDescriptor) error {
	if left := maxParts; !partsOf(raw, kind, &left, 0) {
		return tooManyParts()
	}
	return nil
}

// partsOf takes the parts of a message from those that are left, and reports whether
// there were enough.
func partsOf(raw []byte, kind protoreflect.MessageDescriptor, left *int, depth int) bool {
	var inAny protoreflect.MessageDescriptor
	for len(raw) > 0 && depth < maxDepth {
		number, wire, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return true
		}
		raw = raw[n:]
		if n = protowire.ConsumeFieldValue(number, wire, raw); n < 0 {
			return true
		}
		value := raw[:n]
		raw = raw[n:]
		if *left--; *left < 0 {
			return false
		}
		f := kind.Fields().ByNumber(number)
		if wire != protowire.BytesType || f == nil {
			continue
		}
		value, _ = protowire.ConsumeBytes(value)
		switch {
		case kind.FullName() == anyName && number == 1:
			inAny = messageNamed(string(value))
		case kind.FullName() == anyName && inAny != nil:
			if !partsOf(value, inAny, left, depth+1) {
				return false
			}
		case f.Message() != nil:
			if !partsOf(value, f.Message(), left, depth+1) {
				return false
			}
		case f.IsPacked():
			if *left -= len(value); *left < 0 {
				return false
			}
		}
	}
	return depth < maxDepth
}

// messageNamed returns the kind of message of a URL, nil where there is none.
func messageNamed(url string) protoreflect.MessageDescriptor {
	kind, err := protoregistry.GlobalTypes.FindMessageByURL(url)
	if err != nil {
		return nil
	}
	return kind.Descriptor()
}
