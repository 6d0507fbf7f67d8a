//go:build !linux

package s3test

import "syscall"

// dieWithParent has nothing to set here: the test stops what it started.
func dieWithParent() *syscall.SysProcAttr { return nil }
