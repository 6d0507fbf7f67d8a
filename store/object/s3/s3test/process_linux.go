package s3test

import "syscall"

// dieWithParent makes a process end with the test that started it, even if that is
// killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
