package flight

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	pb "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

func withUsers(t *testing.T) *fixture {
	t.Helper()
	return start(t, func(o *Options) { o.Users = map[string]string{"ann": "secret", "bob": "hidden"} })
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestCallsNeedCredentials(t *testing.T) {
	f := withUsers(t)
	c := f.client()
	tests := []struct {
		name, header string
		code         codes.Code
	}{
		{"none", "", codes.Unauthenticated},
		{"basic", basic("ann", "secret"), codes.OK},
		{"basic without padding", strings.TrimRight(basic("ann", "secret"), "="), codes.OK},
		{"bearer", "Bearer " + f.server.newToken("ann"), codes.OK},
		{"bearer in lower case", "bearer " + f.server.newToken("ann"), codes.OK},
		{"a wrong password", basic("ann", "hidden"), codes.Unauthenticated},
		{"no password", basic("ann", ""), codes.Unauthenticated},
		{"an unknown user", basic("eve", ""), codes.Unauthenticated},
		{"a user who is gone", "Bearer " + f.server.newToken("eve"), codes.Unauthenticated},
		{"a forged token", "Bearer " + base64.RawURLEncoding.EncodeToString([]byte("TRL1u ann")), codes.Unauthenticated},
		{"another sealed message", "Bearer " + base64.RawURLEncoding.EncodeToString(f.server.seal.seal(sealSession, []byte{0})), codes.Unauthenticated},
		{"a sealed message that holds no user", "Bearer " + base64.RawURLEncoding.EncodeToString(f.server.seal.seal(sealToken, []byte{9})), codes.Unauthenticated},
		{"no scheme", "secret", codes.Unauthenticated},
		{"a scheme alone", "Basic", codes.Unauthenticated},
		{"a bearer alone", "Bearer", codes.Unauthenticated},
		{"a space", " ", codes.Unauthenticated},
		{"no base64", "Basic !!!", codes.Unauthenticated},
		{"no colon", "Basic " + base64.StdEncoding.EncodeToString([]byte("ann")), codes.Unauthenticated},
		{"another scheme", "Negotiate abc", codes.Unauthenticated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.header != "" {
				ctx = withHeader(ctx, authHeader, tt.header)
			}
			rows, err := tryQuery(ctx, c, "SELECT current_user")
			if tt.code != codes.OK {
				wantCode(t, err, tt.code)
			} else if err != nil || rows != "ann" {
				t.Errorf("the user is %q, %v", rows, err)
			}
		})
	}
	f.clock.Add(tokenLife.Microseconds() + 1)
	old := f.server.newToken("ann")
	f.clock.Add(tokenLife.Microseconds() + 1)
	_, err := tryQuery(withHeader(t.Context(), authHeader, "Bearer "+old), c, "SELECT 1")
	wantCode(t, err, codes.Unauthenticated, "expired")
}

func TestHandshakeReturnsATokenInThreePlaces(t *testing.T) {
	f := withUsers(t)
	conn, err := grpc.NewClient(f.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	legacy, err := proto.Marshal(&pb.BasicAuth{Username: "ann", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := proto.Marshal(&pb.BasicAuth{Username: "ann", Password: "?"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, header string
		payload      []byte
		code         codes.Code
	}{
		{"credentials in the header", basic("ann", "secret"), nil, codes.OK},
		{"credentials in the payload", "", legacy, codes.OK},
		{"wrong ones in the header", basic("ann", "?"), nil, codes.Unauthenticated},
		{"wrong ones in the payload", "", wrong, codes.Unauthenticated},
		{"none", "", nil, codes.Unauthenticated},
		{"noise", "", []byte{0xff, 0xff}, codes.Unauthenticated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.header != "" {
				ctx = withHeader(ctx, authHeader, tt.header)
			}
			stream, err := pb.NewFlightServiceClient(conn).Handshake(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if tt.payload != nil {
				if err := stream.Send(&pb.HandshakeRequest{Payload: tt.payload}); err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			}
			if err := stream.CloseSend(); err != nil {
				t.Fatal(err)
			}
			answer, err := stream.Recv()
			if tt.code != codes.OK {
				wantCode(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			header, err := stream.Header()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			want := "Bearer " + string(answer.GetPayload())
			for place, md := range map[string]metadata.MD{"header": header, "trailer": stream.Trailer()} {
				if got := md.Get(authHeader); len(got) != 1 || got[0] != want {
					t.Errorf("the %s holds %q, want %q", place, got, want)
				}
			}
			for header, value := range map[string]string{authHeader: want, legacyToken: string(answer.GetPayload())} {
				if rows, err := tryQuery(withHeader(t.Context(), header, value), f.client(), "SELECT current_user"); err != nil || rows != "ann" {
					t.Errorf("with the token in %s the user is %q, %v", header, rows, err)
				}
			}
		})
	}
}

// shakeHands does what the library's AuthenticateBasicToken does, but reads the call
// to its end before it looks at the headers: the library looks at the trailer while
// it still comes in, which the race detector sees.
func shakeHands(ctx context.Context, c *flightsql.Client, user, password string) (context.Context, error) {
	stream, err := c.Client.Handshake(withHeader(ctx, authHeader, basic(user, password)))
	if err != nil {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	header, err := stream.Header()
	if err != nil {
		return nil, err
	}
	if tokens := header.Get(authHeader); len(tokens) > 0 {
		return withHeader(ctx, authHeader, tokens[0]), nil
	}
	return ctx, nil
}

func TestAClientThatShookHandsIsKnown(t *testing.T) {
	f := withUsers(t)
	c := f.client()
	ctx, err := shakeHands(t.Context(), c, "bob", "hidden")
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := tryQuery(ctx, c, "SELECT current_user"); err != nil || rows != "bob" {
		t.Errorf("the user is %q, %v", rows, err)
	}
}

func TestWhatIsAUsersIsNobodyElses(t *testing.T) {
	f := withUsers(t)
	ann, bob := withHeader(t.Context(), authHeader, basic("ann", "secret")), withHeader(t.Context(), authHeader, basic("bob", "hidden"))
	c := f.client()
	info, err := c.Execute(ann, "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = fetch(bob, c, info)
	wantCode(t, err, codes.PermissionDenied, "another user")
	_, err = c.CancelFlightInfo(bob, &flight.CancelFlightInfoRequest{Info: info})
	wantCode(t, err, codes.PermissionDenied, "another user")
	if _, err := c.Execute(ann, "SET timezone = 'Asia/Tokyo'"); err != nil {
		t.Fatal(err)
	}
	_, err = tryQuery(bob, c, "SELECT 1") // with ann's cookie
	wantCode(t, err, codes.PermissionDenied, "session")
}

func TestHandshakeWithoutUsersTakesAnybody(t *testing.T) {
	f := start(t, nil)
	c := f.client()
	if _, err := shakeHands(t.Context(), c, "anyone", "anything"); err != nil {
		t.Errorf("a client that has credentials, but needs none: %v", err)
	}
}
