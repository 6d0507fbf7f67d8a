package flight

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	authHeader  = "authorization"
	legacyToken = "auth-token-bin" // where clients of the first Flight handshake send their token
	tokenLife   = 24 * time.Hour

	// A handshake is read before anybody knows from whom it is: few at a time, of
	// which each has to come soon and to be small.
	handshakes     = 2
	handshakeTime  = 5 * time.Second
	handshakeBytes = 16 << 10
)

// authenticate returns the name of the user who calls: that of a bearer token, or of
// basic credentials; nobody's where the server has no users.
func (s *Server) authenticate(md metadata.MD) (string, error) {
	if s.opts.Users == nil {
		return "", nil
	}
	if token := md.Get(legacyToken); len(token) > 0 {
		return s.openToken(token[0])
	}
	header := md.Get(authHeader)
	if len(header) == 0 {
		return "", status.Error(codes.Unauthenticated, "the server asks for credentials: send the header authorization, Basic or Bearer")
	}
	scheme, credentials, _ := strings.Cut(strings.TrimSpace(header[0]), " ")
	switch strings.ToLower(scheme) {
	case "bearer":
		return s.openToken(strings.TrimSpace(credentials))
	case "basic":
		user, password, err := parseBasic(strings.TrimSpace(credentials))
		if err != nil {
			return "", err
		}
		return user, s.checkPassword(user, password)
	}
	return "", status.Error(codes.Unauthenticated, "the header authorization has to be Basic or Bearer")
}

// parseBasic returns the user and the password of basic credentials.
func parseBasic(credentials string) (user, password string, err error) {
	// Some clients leave the padding out.
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(credentials, "="))
	user, password, ok := strings.Cut(string(text), ":")
	if err != nil || !ok {
		return "", "", status.Error(codes.Unauthenticated, "the header authorization is malformed: Basic is followed by user:password in base64")
	}
	return user, password, nil
}

// checkPassword compares without telling by its duration how much is right.
func (s *Server) checkPassword(user, password string) error {
	want, known := s.opts.Users[user]
	a, b := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 || !known {
		return status.Error(codes.Unauthenticated, "unknown user or wrong password")
	}
	return nil
}

// newToken returns a bearer token of a user.
func (s *Server) newToken(user string) string {
	var p packer
	p.text(user)
	p.int(s.opts.Clock() + tokenLife.Microseconds())
	return base64.RawURLEncoding.EncodeToString(s.seal.seal(sealToken, p.b))
}

// openToken returns the user of a bearer token.
func (s *Server) openToken(token string) (string, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", status.Error(codes.Unauthenticated, "the token is malformed")
	}
	payload, err := s.seal.open(sealToken, sealed)
	if err != nil {
		return "", status.Errorf(codes.Unauthenticated, "the token is not valid: %v", err)
	}
	u := unpacker{b: payload}
	user, expires := u.text(), u.int()
	if err := u.end(); err != nil {
		return "", status.Errorf(codes.Unauthenticated, "the token is not valid: %v", err)
	}
	if s.opts.Clock() > expires {
		return "", status.Error(codes.Unauthenticated, "the token has expired: authenticate again")
	}
	if _, known := s.opts.Users[user]; !known {
		return "", status.Errorf(codes.Unauthenticated, "there is no user %q any more", user)
	}
	return user, nil
}

// Handshake takes basic credentials, from the header authorization or from the
// payload of the first message, and answers with a bearer token: in the header, in
// the trailer and in the payload, for each kind of client looks in another place.
// Without users, any client may have one that shakes hands all the same.
func (s *service) Handshake(stream flight.FlightService_HandshakeServer) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	user, err := s.server.shakeHands(stream, md)
	if err != nil {
		return err
	}
	token := s.server.newToken(user)
	bearer := metadata.Pairs(authHeader, "Bearer "+token)
	if err := stream.SetHeader(bearer); err != nil {
		return err
	}
	stream.SetTrailer(bearer)
	return stream.Send(&pb.HandshakeResponse{Payload: []byte(token)})
}

func (s *Server) shakeHands(stream flight.FlightService_HandshakeServer, md metadata.MD) (string, error) {
	if s.opts.Users == nil || len(md.Get(authHeader)) > 0 {
		return s.authenticate(md)
	}
	request, err := s.hand(stream)
	if errors.Is(err, io.EOF) {
		return s.authenticate(md)
	}
	if err != nil {
		return "", err
	}
	var basic pb.BasicAuth
	if err := proto.Unmarshal(request.GetPayload(), &basic); err != nil || basic.GetUsername() == "" {
		return s.authenticate(md)
	}
	return basic.GetUsername(), s.checkPassword(basic.GetUsername(), basic.GetPassword())
}

// hand reads the first message of a handshake, when its turn comes.
func (s *Server) hand(stream flight.FlightService_HandshakeServer) (*pb.HandshakeRequest, error) {
	timer := time.NewTimer(handshakeTime)
	defer timer.Stop()
	late := status.Errorf(codes.DeadlineExceeded, "the handshake did not come within %s: send credentials in the header authorization instead", handshakeTime)
	select {
	case s.shaking <- struct{}{}:
	case <-timer.C:
		return nil, late
	case <-stream.Context().Done():
		return nil, stream.Context().Err()
	}
	type answer struct {
		request *pb.HandshakeRequest
		err     error
	}
	read := make(chan answer, 1)
	go func() { // ends with the call
		defer func() { <-s.shaking }()
		request, err := stream.Recv()
		read <- answer{request, err}
	}()
	select {
	case a := <-read:
		if len(a.request.GetPayload()) > handshakeBytes {
			return nil, status.Errorf(codes.ResourceExhausted, "the handshake has %d bytes, more than %d", len(a.request.GetPayload()), handshakeBytes)
		}
		return a.request, a.err
	case <-timer.C:
		return nil, late
	}
}
