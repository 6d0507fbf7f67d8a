package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// unreachable is why no connection was made, in words that say what to do.
type unreachable struct {
	text string
	err  error
}

// Error returns the words alone.
func (u *unreachable) Error() string { return u.text }

// Unwrap returns what the driver said.
func (u *unreachable) Unwrap() error { return u.err }

// explainConnect puts an error of making a connection into words; others are returned as
// they are. The driver tries with TLS and without, and tells of each.
func explainConnect(err error) error {
	failed, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return err
	}
	say := func(text string, args ...any) error { return &unreachable{fmt.Sprintf(text, args...), err} }
	server, told := errors.AsType[*pgconn.PgError](err)
	dns, unknown := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	switch user := failed.Config.User; {
	case told && (server.Code == "28P01" || server.Code == "28000"):
		return say("the server does not let user %q in (%s): correct the user or the password (PGPASSWORD, or a pgpass file)", user, server.Message)
	case told && server.Code == "3D000":
		return say("there is no database %q: create it with createdb, or correct its name", failed.Config.Database)
	case told && server.Code == "42501":
		return say("user %q has no right to it (%s): grant CONNECT and CREATE", user, server.Message)
	case told && server.Code == "53300":
		return say("the server has no connection left (%s): raise max_connections", server.Message)
	case told && server.Code == "57P03":
		return say("the server is just starting or stopping (%s): wait for it", server.Message)
	case told:
		return say("the server refuses: %s (SQLSTATE %s)", server.Message, server.Code)
	case unknown && dns.IsNotFound:
		return say("the host %s has no address: correct it", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("no server listens there: start PostgreSQL, or correct host and port")
	case errors.Is(err, syscall.ENOENT):
		return say("there is no socket of a server: start PostgreSQL, or correct the host")
	case untrusted || host:
		return say("the server's certificate is not trusted: name its authority with sslrootcert=")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.EHOSTUNREACH):
		return say("no server answers there: correct host and port, or see to the network between")
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return say("the server does not offer TLS: set it up there, or write sslmode=disable where the network is trusted")
	}
	return say("no connection: %s", strings.Join(strings.Fields(err.Error()), " "))
}
