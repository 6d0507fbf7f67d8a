package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/metatest"
	"github.com/trellisdb/trellis/meta/postgres"
	"github.com/trellisdb/trellis/meta/postgres/postgrestest"
)

// segmentNames returns the names of the newest snapshot's segments.
func segmentNames(t *testing.T, c meta.Catalog) []string {
	t.Helper()
	last, err := c.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	segments, err := c.Segments(t.Context(), last.ID)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range segments {
		names = append(names, s.Name)
	}
	return names
}

func TestCutInTheMiddleOfACommit(t *testing.T) {
	p := postgrestest.StartProxy(t, shared.Port)
	tests := []struct {
		name     string
		word     string // of the request at which the connection is cut
		answer   bool   // it is the answer that is lost
		want     error
		happened bool
	}{
		{"before it begins", "begin", false, nil, true},
		{"before the server has locked it", "SELECT one, id", false, nil, true},
		{"between its statements", "INSERT INTO segments", false, nil, true},
		{"when a statement has been carried out", "INSERT INTO segments", true, nil, true},
		{"before COMMIT arrives", "commit\x00", false, postgres.ErrUncertain, false},
		{"when it has happened", "commit\x00", true, postgres.ErrUncertain, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := open(t, shared.URLAt(p.Port(), shared.Database(t)), impatient)
			epoch := acquire(t, c)
			p.CutAll() // so that statements are sent as texts again
			p.CutAt(test.word, test.answer)
			made, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch, Time: 5, Add: []meta.Segment{{Name: "a"}, {Name: "b"}}, Note: "flush"})
			if !errors.Is(err, test.want) || test.want == nil && (err != nil || made.ID != 1) {
				t.Errorf("the commit made %v, %v, want %v", made, err, test.want)
			}
			if p.Cuts() != 1 {
				t.Fatalf("the connection was cut %d times", p.Cuts())
			}
			want := ""
			if test.happened {
				want = "a b"
			}
			if got := strings.Join(segmentNames(t, c), " "); got != want {
				t.Errorf("the segments are %q, want %q", got, want)
			}
			// Everything goes on.
			if _, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch, Add: []meta.Segment{{Name: "next"}}}); err != nil {
				t.Error(err)
			}
			if got, want := strings.Join(segmentNames(t, c), " "), strings.TrimSpace(want+" next"); got != want {
				t.Errorf("the segments are %q, want %q", got, want)
			}
		})
	}
}

func TestReadsOutliveTheirConnection(t *testing.T) {
	p := postgrestest.StartProxy(t, shared.Port)
	c := open(t, shared.URLAt(p.Port(), shared.Database(t)), impatient)
	if _, err := c.CreateSeries(t.Context(), series("a")); err != nil {
		t.Fatal(err)
	}
	reads := map[string]func() error{
		"FROM generation": func() error { _, err := c.Series(t.Context()); return err },
		"FROM series":     func() error { _, err := c.Export(t.Context()); return err },
		"FROM snapshots":  func() error { _, err := c.Latest(t.Context()); return err },
		"FROM settings":   func() error { _, err := c.Settings(t.Context()); return err },
	}
	for word, read := range reads {
		for _, answer := range []bool{false, true} {
			p.CutAll()
			p.CutAt(word, answer)
			if err := read(); err != nil {
				t.Errorf("cut at %s: %v", word, err)
			}
			if p.Cuts() != 1 {
				t.Errorf("cut at %s: %d times", word, p.Cuts())
			}
		}
	}
}

// load commits and reads until it is told to stop.
type load struct {
	catalog      *postgres.Catalog
	epoch        int64
	acknowledged []string
	uncertain    []string
	refused      int
	reads        atomic.Int64
}

// startLoad starts two goroutines and returns the function that stops them.
func startLoad(t *testing.T, c *postgres.Catalog) (l *load, stop func()) {
	t.Helper()
	l = &load{catalog: c, epoch: acquire(t, c)}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			l.commit(t, fmt.Sprint("s", i))
		}
	})
	group.Go(func() {
		for ctx.Err() == nil {
			if _, err := c.Latest(t.Context()); err != nil {
				t.Errorf("a read: %v", err)
				return
			}
			l.reads.Add(1)
		}
	})
	return l, func() { cancel(); group.Wait() }
}

func (l *load) commit(t *testing.T, name string) {
	_, err := l.catalog.Commit(t.Context(), meta.Commit{Epoch: l.epoch, Add: []meta.Segment{{Name: name + "a"}, {Name: name + "b"}}})
	switch {
	case err == nil:
		l.acknowledged = append(l.acknowledged, name)
	case errors.Is(err, postgres.ErrUncertain):
		l.uncertain = append(l.uncertain, name)
	case errors.Is(err, meta.ErrExists), errors.Is(err, meta.ErrConflict), errors.Is(err, meta.ErrNotFound):
		t.Errorf("commit %s: %v", name, err) // it was done twice, or worse
	default:
		l.refused++
		t.Logf("commit %s: %v", name, err)
	}
}

// check checks that all commits that were acknowledged are there, that nothing else is
// but what may be, and that all are whole.
func (l *load) check(t *testing.T) {
	t.Helper()
	t.Logf("%d commits acknowledged, %d uncertain, %d refused, %d reads", len(l.acknowledged), len(l.uncertain), l.refused, l.reads.Load())
	there := map[string]bool{}
	for _, name := range segmentNames(t, l.catalog) {
		there[name] = true
	}
	for _, name := range l.acknowledged {
		if !there[name+"a"] || !there[name+"b"] {
			t.Errorf("commit %s was acknowledged and is not there", name)
		}
		delete(there, name+"a")
		delete(there, name+"b")
	}
	for _, name := range l.uncertain {
		if there[name+"a"] != there[name+"b"] {
			t.Errorf("half of commit %s is there", name)
		}
		delete(there, name+"a")
		delete(there, name+"b")
	}
	if len(there) > 0 {
		t.Errorf("nobody committed %v", there)
	}
}

// waitForReads waits until a load has had time to go on after a fault.
func waitForReads(t *testing.T, l *load) {
	t.Helper()
	from := l.reads.Load()
	for range 1000 {
		if l.reads.Load() > from+20 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("reads do not go on")
}

func TestServerRestartsUnderLoad(t *testing.T) {
	server := postgrestest.Start(t, "synchronous_commit=off")
	c := open(t, server.URL(server.Database(t)), postgres.Options{Connections: 4, Patience: 30 * time.Second})
	l, stop := startLoad(t, c)
	for i := range 4 {
		waitForReads(t, l)
		server.Stop(t, i%2 == 1)
		time.Sleep(300 * time.Millisecond)
		server.Restart(t)
	}
	waitForReads(t, l)
	stop()
	l.check(t)
	if l.refused > 0 || len(l.acknowledged) == 0 {
		t.Errorf("%d commits were acknowledged and %d refused", len(l.acknowledged), l.refused)
	}
}

func TestBackendsAreTerminatedUnderLoad(t *testing.T) {
	name := shared.Database(t)
	l, stop := startLoad(t, open(t, shared.URL(name), impatient))
	for range 20 {
		waitForReads(t, l)
		err := shared.Execute(t.Context(), "postgres", `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '`+name+`'`)
		if err != nil {
			t.Fatal(err)
		}
	}
	waitForReads(t, l)
	stop()
	l.check(t)
	if l.refused > 0 || len(l.acknowledged) == 0 {
		t.Errorf("%d commits were acknowledged and %d refused", len(l.acknowledged), l.refused)
	}
}

func TestServerThatIsDown(t *testing.T) {
	server := postgrestest.Start(t)
	where := server.URL(server.Database(t))
	c := open(t, where, postgres.Options{Connections: 2, Patience: 1500 * time.Millisecond})
	epoch := acquire(t, c)
	server.Stop(t, false)
	_, err := c.Latest(t.Context())
	_, errCommit := c.Commit(t.Context(), meta.Commit{Epoch: epoch})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, errSoon := c.Latest(ctx)
	_, errOpen := postgres.Open(t.Context(), where, postgres.Options{Patience: 100 * time.Millisecond})
	for what, err := range map[string]error{"a read": err, "a commit": errCommit, "opening": errOpen} {
		if err == nil || errors.Is(err, postgres.ErrUncertain) || !strings.Contains(err.Error(), "no server listens there") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s while the server is down: %v", what, err)
		}
	}
	if errSoon == nil {
		t.Error("a read while the server is down")
	}
	server.Restart(t)
	if got := segmentNames(t, c); len(got) != 0 {
		t.Errorf("the segments are %v", got)
	}
	if made, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch}); err != nil || made.ID != 1 {
		t.Errorf("after the server came back a commit made %v, %v", made, err)
	}
}

func TestServerThatIsReadOnly(t *testing.T) {
	server := postgrestest.Start(t)
	c := open(t, server.URL(server.Database(t)), impatient)
	epoch := acquire(t, c)
	commit := func(name string) error {
		_, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch, Add: []meta.Segment{{Name: name}}})
		return err
	}
	readOnly := func(value string, want error) {
		t.Helper()
		for _, statement := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
			if err := server.Execute(t.Context(), "postgres", statement); err != nil {
				t.Fatal(err)
			}
		}
		// The server reads its settings when it comes to it.
		for range 1000 {
			err := c.SetSetting(t.Context(), "probe", value)
			if errors.Is(err, want) {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Fatalf("default_transaction_read_only does not become %s", value)
	}
	readOnly("on", postgres.ErrReadOnly)
	calls := map[string]error{"a commit": commit("refused"), "a setting": c.SetSetting(t.Context(), "a", "b"), "a release": c.Release(t.Context(), epoch)}
	_, calls["a series"] = c.CreateSeries(t.Context(), series("a"))
	for what, err := range calls {
		if !errors.Is(err, postgres.ErrReadOnly) || errors.Is(err, postgres.ErrUncertain) {
			t.Errorf("%s while the server is read-only: %v", what, err)
		}
	}
	if got := segmentNames(t, c); len(got) != 0 {
		t.Errorf("the segments are %v", got)
	}
	readOnly("off", nil)
	if err := commit("a"); err != nil {
		t.Error(err)
	}
	if got := segmentNames(t, c); len(got) != 1 {
		t.Errorf("the segments are %v", got)
	}
}

func TestALeaseFromBeforeTheClockWasSetBackIsNobodys(t *testing.T) {
	t.Parallel()
	database := shared.Database(t)
	c := open(t, shared.URL(database), impatient)
	metatest.ClockSetBack(t, c, func(statement string) {
		conn, err := pgx.Connect(t.Context(), shared.URL(database))
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Exec(t.Context(), statement)
		if err := errors.Join(err, conn.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
	}, func() meta.Catalog {
		c, err := postgres.Open(t.Context(), shared.URL(database), impatient)
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}

// hold locks the rows or the table that a statement names, on a connection of its
// own, until it is released.
func hold(t *testing.T, database, statement string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), shared.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), "BEGIN; "+statement)
	if err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

// waitForLock waits until somebody waits for a lock in a database.
func waitForLock(t *testing.T, database string) {
	t.Helper()
	for range 1000 {
		err := shared.Execute(t.Context(), "postgres", `SELECT 1 / count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '`+database+`'`)
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "division by zero") {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("nobody waits for a lock")
}

func TestNoConnectionIsFree(t *testing.T) {
	name := shared.Database(t)
	c := open(t, shared.URL(name), postgres.Options{Connections: 1, Patience: 2 * time.Second})
	epoch := acquire(t, c)
	// A commit waits for another program's lock, and has the only connection.
	release := hold(t, name, `SELECT FROM catalog FOR UPDATE`)
	defer release()
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := c.Commit(t.Context(), meta.Commit{Epoch: epoch}); err != nil {
			t.Errorf("the commit that waits: %v", err)
		}
	})
	waitForLock(t, name)
	_, err := c.Latest(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no connection was free for 2s: all 1 are in use: allow more") {
		t.Errorf("a read without a connection: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Latest(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read without a connection or time: %v", err)
	}
	release()
	group.Wait()
	if last, err := c.Latest(t.Context()); err != nil || last.ID != 1 {
		t.Errorf("the newest snapshot is %v, %v", last, err)
	}
}

// A statement that hangs ends, and with it what it holds.
func TestStatementsEnd(t *testing.T) {
	name := shared.Database(t)
	c := open(t, shared.URL(name), postgres.Options{StatementTimeout: time.Second})
	release := hold(t, name, `LOCK TABLE settings`)
	defer release()
	if _, err := c.Settings(t.Context()); err == nil || !strings.Contains(err.Error(), "statement timeout") {
		t.Errorf("a read of a locked table: %v", err)
	}
	if err := c.SetSetting(t.Context(), "a", "b"); err == nil || errors.Is(err, postgres.ErrUncertain) {
		t.Errorf("a change of a locked table: %v", err)
	}
	release()
	if settings, err := c.Settings(t.Context()); err != nil || len(settings) != 0 {
		t.Errorf("the settings are %v, %v", settings, err)
	}
}

// A writer that is cut off in the middle of a change does not hold up the others for
// ever.
func TestTransactionsThatDoNothingEnd(t *testing.T) {
	name := shared.Database(t)
	c := open(t, shared.URL(name), postgres.Options{})
	conn, err := pgx.Connect(t.Context(), shared.URL(name)+"&idle_in_transaction_session_timeout=1000")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT FROM catalog FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	acquire(t, c)
}

func TestServerThatHasTooManyClients(t *testing.T) {
	server := postgrestest.Start(t, "max_connections=5", "superuser_reserved_connections=0")
	name := server.Database(t)
	c := open(t, server.URL(name), impatient)
	// Others take all connections but the few that the catalog has.
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				err := server.Execute(t.Context(), name, `SELECT pg_sleep(1)`)
				if err == nil {
					return
				}
				if !strings.Contains(err.Error(), "too many clients") {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 4 {
		group.Go(func() {
			for j := range 10 {
				if err := c.SetSetting(t.Context(), fmt.Sprint(i, " ", j), "v"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	settings, err := c.Settings(t.Context())
	if err != nil || len(settings) != 40 {
		t.Errorf("there are %d settings, %v", len(settings), err)
	}
}
