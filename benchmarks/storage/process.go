package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that this program has started.
type process struct {
	cmd     *exec.Cmd
	address string
	errors  bytes.Buffer
}

// start starts a server and waits until it says that it listens.
func start(ctx context.Context, program string, args ...string) (*process, error) {
	if program == "" {
		return nil, errors.New("which program is the server? Name it with -trellis, or in TRELLIS (make build makes it)")
	}
	p := &process{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Stderr = &p.errors
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		_ = p.cmd.Process.Kill() // it may have ended
		return nil, fmt.Errorf("%s does not listen: %w: %s", program, errors.Join(err, p.cmd.Wait()), p.errors.String())
	}
	p.address = address
	return p, nil
}

// stop ends the server and returns the CPU time of its whole life.
func (p *process) stop() (time.Duration, error) {
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	if err = errors.Join(err, p.cmd.Wait()); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", p.cmd.Path, err, p.errors.String())
	}
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(), nil
}

// ticksPerSecond is the unit of /proc/PID/stat on Linux, whatever the kernel's own.
const ticksPerSecond = 100

// cpuOf returns the CPU time that a process has taken.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses, which may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("process %d: %d fields in its stat", pid, len(fields))
	}
	total := int64(0)
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return time.Duration(total) * time.Second / ticksPerSecond, nil
}
