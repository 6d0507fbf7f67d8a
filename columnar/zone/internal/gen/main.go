// Command gen writes the time zone database that package zone compiles in.
//
// It reads compiled TZif files (RFC 9636) of one IANA release, from a directory or from
// a zip archive such as the wheel of the Python package tzdata, and writes the text
// described in the comment of package zone. The release and the links come from
// tzdata.zi, which lies beside the files.
//
//	pip download --no-deps tzdata
//	go run ./internal/gen -from tzdata-2026.6-py2.py3-none-any.whl -to tzdata.txt
package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

func main() {
	from := flag.String("from", "", "directory or zip archive with compiled TZif files and tzdata.zi")
	to := flag.String("to", "tzdata.txt", "file to write")
	flag.Parse()
	if err := generate(*from, *to); err != nil {
		log.Fatal(err)
	}
}

// generate writes the database found at from into the file to.
func generate(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	files := os.DirFS(from)
	if !info.IsDir() {
		archive, err := zip.OpenReader(from)
		if err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		defer func() { _ = archive.Close() }()
		files = archive
	}
	text, err := convert(files)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return os.WriteFile(to, text, 0o644)
}

// convert finds the release in a file tree and returns it as text.
func convert(files fs.FS) ([]byte, error) {
	index := ""
	err := fs.WalkDir(files, ".", func(name string, _ fs.DirEntry, err error) error {
		if path.Base(name) == "tzdata.zi" {
			index = name
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if index == "" {
		return nil, errors.New("no tzdata.zi")
	}
	source, err := fs.ReadFile(files, index)
	if err != nil {
		return nil, err
	}
	version, links, err := readIndex(string(source))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", index, err)
	}
	tree, err := fs.Sub(files, path.Dir(index))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "tzdata %s\n", version)
	if err := writeZones(&out, tree, links); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// readIndex takes the release and the links (name to target) from tzdata.zi.
func readIndex(source string) (version string, links map[string]string, err error) {
	links = map[string]string{}
	for line := range strings.Lines(source) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 3 && fields[0] == "#" && fields[1] == "version":
			version = fields[2]
		case len(fields) == 3 && fields[0] == "L":
			links[fields[2]] = fields[1]
		}
	}
	if version == "" {
		return "", nil, errors.New("no version line")
	}
	for name, target := range links { // a link may lead to a link
		for hops := 0; ; hops++ {
			further, ok := links[target]
			if !ok {
				break
			}
			if hops > len(links) {
				return "", nil, fmt.Errorf("link %s leads in a circle", name)
			}
			target = further
		}
		links[name] = target
	}
	return version, links, nil
}

// writeZones writes every zone, then every link, in the order of names.
func writeZones(out *bytes.Buffer, tree fs.FS, links map[string]string) error {
	var linked []string
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil || !bytes.HasPrefix(data, []byte("TZif")) {
			return err
		}
		if target, ok := links[name]; ok {
			linked = append(linked, name)
			original, err := fs.ReadFile(tree, target)
			if err == nil && !bytes.Equal(data, original) {
				err = fmt.Errorf("link %s: differs from its target %s", name, target)
			}
			return err
		}
		z, err := readTZif(data)
		if err == nil {
			err = z.write(out, name)
		}
		if err != nil {
			return fmt.Errorf("zone %s: %w", name, err)
		}
		return nil
	})
	slices.Sort(linked)
	for _, name := range linked {
		fmt.Fprintf(out, "link %s %s\n", name, links[name])
	}
	return err
}

// write appends the text of one zone.
func (z *tzif) write(out *bytes.Buffer, name string) error {
	if len(z.types) > 26 {
		return fmt.Errorf("%d local time types, and only 26 letters", len(z.types))
	}
	fmt.Fprintf(out, "zone %s\n", name)
	for i, typ := range z.types {
		kind := "std"
		if typ.dst {
			kind = "dst"
		}
		fmt.Fprintf(out, "type %c %s %s %s\n", 'a'+i, clock(typ.offset), kind, typ.abbreviation)
	}
	before := z.types[0]
	for i, at := range z.times {
		typ := z.types[z.typeOf[i]]
		if typ == before && i < len(z.times)-1 {
			continue // says nothing new; the last one says where the rule begins
		}
		before = typ
		fmt.Fprintf(out, "%s %c\n", time.Unix(at, 0).UTC().Format("2006-01-02T15:04:05"), 'a'+z.typeOf[i])
	}
	if z.footer == "" {
		return errors.New("no rule for the future")
	}
	fmt.Fprintf(out, "rule %s\n", z.footer)
	return nil
}

// clock prints an offset in seconds as +hh:mm:ss.
func clock(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	return fmt.Sprintf("%c%02d:%02d:%02d", sign, seconds/3600, seconds/60%60, seconds%60)
}
