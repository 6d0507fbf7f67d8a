package trellis_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// licences are those that the project's dependencies may have, each with phrases
// that together only its text has.
var licences = map[string][]string{
	"Apache-2.0": {"apache license", "version 2.0, january 2004"},
	"BSD":        {"redistribution and use in source and binary forms", "this software is provided"},
	"ISC":        {"permission to use, copy, modify, and/or distribute this software for any purpose"},
	"MIT":        {"permission is hereby granted, free of charge, to any person obtaining a copy", "the software is provided \"as is\""},
	"MPL-2.0":    {"mozilla public license", "version 2.0"},
	"Unlicense":  {"this is free and unencumbered software released into the public domain"},
}

// licence returns the licence that a text is, or "".
func licence(text string) string {
	text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
	for name, phrases := range licences {
		all := true
		for _, phrase := range phrases {
			all = all && strings.Contains(text, phrase)
		}
		if all {
			return name
		}
	}
	return ""
}

func TestDependenciesAreFree(t *testing.T) {
	dirs := dependencies(t)
	if len(dirs) == 0 {
		t.Fatal("there are no dependencies")
	}
	for module, dir := range dirs {
		if found := moduleLicence(t, dir); found == "" {
			t.Errorf("module %s has no licence that is on the list", module)
		}
	}
}

// moduleLicence returns the licence that is found in a module's directory.
func moduleLicence(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := strings.ToUpper(entry.Name())
		if !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") && !strings.HasPrefix(name, "UNLICEN") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if found := licence(string(text)); found != "" {
			return found
		}
	}
	return ""
}

// dependencies returns the directories of the modules that the project's packages
// are built from, tests and assembly generators included.
func dependencies(t *testing.T) map[string]string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-test", "-json=Module", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var pkg struct {
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return dirs
		} else if err != nil {
			t.Fatal(err)
		}
		if pkg.Module != nil && !pkg.Module.Main {
			dirs[pkg.Module.Path] = pkg.Module.Dir
		}
	}
}
