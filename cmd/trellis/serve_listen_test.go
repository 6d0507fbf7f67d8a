package main

import (
	"database/sql"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestWhoConnectsWhileAServerOpensItsDatabaseWaits holds the catalog's lock while the
// server opens it.
func TestWhoConnectsWhileAServerOpensItsDatabaseWaits(t *testing.T) {
	dir := t.TempDir()
	start(t, "--data", dir).stop(t)
	db, err := sql.Open("sqlite", filepath.Join(dir, "catalog.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := lis.Addr().String()
	if err := lis.Close(); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("trellis", "serve", "--listen", address, "--data", dir)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			break
		}
		time.Sleep(time.Millisecond)
	}
	answered := make(chan string, 1)
	go func() {
		out, err := exec.Command("trellis", "query", "--server", address, "--format", "csv", "SELECT 42 AS x").CombinedOutput()
		if err != nil {
			out = append(out, err.Error()...)
		}
		answered <- string(out)
	}()
	select {
	case out := <-answered:
		t.Errorf("it did not wait: %s", out)
	case <-time.After(300 * time.Millisecond):
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if out := <-answered; out != "x\n42\n" {
		t.Errorf("the answer is %q", out)
	}
}
