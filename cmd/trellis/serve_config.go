package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/columnar/memory"
	"github.com/trellisdb/trellis/meta"
)

// envPrefix is what environment variables of the server begin with.
const envPrefix = "TRELLIS_"

// What the environment says to clients: which server, and as whom.
const (
	envServer = envPrefix + "SERVER"
	envUser   = envPrefix + "USER"
)

// serveConfig is how the server runs. Every field is a flag, a key of the
// configuration file and, in capitals behind TRELLIS_, an environment variable.
type serveConfig struct {
	Data            string        `koanf:"data"`
	Listen          string        `koanf:"listen"`
	AllowRemote     bool          `koanf:"allow-remote"`
	MetricsListen   string        `koanf:"metrics-listen"`
	MemoryLimit     string        `koanf:"memory-limit"`
	LogFormat       string        `koanf:"log-format"`
	LogLevel        string        `koanf:"log-level"`
	TLSCert         string        `koanf:"tls-cert"`
	TLSKey          string        `koanf:"tls-key"`
	TLSClientCA     string        `koanf:"tls-client-ca"`
	Users           []string      `koanf:"user"`
	Admins          []string      `koanf:"admin"`
	RequireReason   bool          `koanf:"require-reason"`
	ShutdownTimeout time.Duration `koanf:"shutdown-timeout"`
	MessageTimeout  time.Duration `koanf:"message-timeout"`
	MaxConnections  int           `koanf:"max-connections"`

	Storage storageConfig `koanf:",squash"`
}

// storageConfig is where the server keeps its data beside its directory, and how.
type storageConfig struct {
	Bucket        string        `koanf:"bucket"`
	Catalog       string        `koanf:"catalog"`
	CacheDir      string        `koanf:"cache-dir"`
	CacheSize     string        `koanf:"cache-size"`
	KeepSnapshots string        `koanf:"keep-snapshots"`
	Grace         time.Duration `koanf:"grace"`
	CompactRate   string        `koanf:"compact-rate"`
	SegmentSize   string        `koanf:"segment-size"`
	LeaseTTL      time.Duration `koanf:"lease-ttl"`
}

// addStorageFlags adds the flags of the storage.
func addStorageFlags(flags *pflag.FlagSet) {
	flags.String("bucket", "", "where segments are: a directory, or s3://bucket/prefix?region=...; default: in the data directory")
	flags.String("catalog", "", "where the catalog is: a file, or postgres://user@host/database; default: in the data directory")
	flags.String("cache-dir", "", "directory on a local disk for what is read from S3; default: in the data directory")
	flags.String("cache-size", "10GiB", "disk that what is read from S3 may take, or off")
	flags.String("keep-snapshots", "30d", "how long snapshots stay readable, such as 30d or forever, unless the catalog's settings say otherwise")
	flags.Duration("grace", 15*time.Minute, "how long an object outlives the last reference to it")
	flags.String("compact-rate", "64MiB", "bytes per second that compaction writes; off: no compaction and no garbage collection")
	flags.String("segment-size", "512MiB", "size from which on a segment takes no other series")
	flags.Duration("lease-ttl", 30*time.Second, "how long another server waits for one that is gone without a word")
}

// options puts the settings of the storage into o.
func (c *storageConfig) options(o *trellis.Options) (err error) {
	o.Bucket, o.Catalog, o.CacheDir = c.Bucket, c.Catalog, c.CacheDir
	if o.CacheDisk, err = parseBytes("cache-size", c.CacheSize); err != nil {
		return err
	}
	o.CacheDisk = max(o.CacheDisk, 0)
	up := &o.Upkeep
	if up.Keep, err = parseAge("keep-snapshots", c.KeepSnapshots); err != nil {
		return err
	}
	if o.CompactRate, err = parseBytes("compact-rate", c.CompactRate); err != nil {
		return err
	}
	if up.SegmentBytes, err = parseBytes("segment-size", c.SegmentSize); err != nil {
		return err
	}
	up.Grace, up.LeaseTTL = c.Grace, c.LeaseTTL
	switch {
	case up.SegmentBytes < 1<<20:
		return fmt.Errorf("--segment-size %s: at least 1MiB is needed", c.SegmentSize)
	case up.Grace <= 0:
		return fmt.Errorf("--grace %s: write a time such as 15m", c.Grace)
	case up.LeaseTTL < time.Second:
		return fmt.Errorf("--lease-ttl %s: at least 1s is needed", c.LeaseTTL)
	case up.LeaseTTL > meta.MaxTTL:
		return fmt.Errorf("--lease-ttl %s: %s is the most", c.LeaseTTL, meta.MaxTTL)
	}
	return nil
}

// addServeFlags adds the flags; their defaults are the defaults.
func addServeFlags(flags *pflag.FlagSet) {
	flags.String("config", "", "YAML file with these settings, such as \"listen: 0.0.0.0:31337\"")
	flags.String("data", "", "directory of the database; made if it does not exist")
	addStorageFlags(flags)
	flags.String("listen", "127.0.0.1:31337", "address to serve Flight on; port 0 takes a free one")
	flags.Bool("allow-remote", false, "serve other machines although there are no users")
	flags.String("metrics-listen", "", "address to serve /metrics and /healthz on over HTTP; empty: none")
	flags.String("memory-limit", "", "memory to stay below, such as 4GiB; empty: no limit")
	flags.String("log-format", "text", "form of the log on standard error: text or json")
	flags.String("log-level", "info", "what is logged: debug, info, warn or error")
	flags.String("tls-cert", "", "PEM file with the server's certificate; empty: no TLS")
	flags.String("tls-key", "", "PEM file with the key of the certificate")
	flags.String("tls-client-ca", "", "PEM file with the authorities whose clients are let in (mTLS)")
	flags.StringArray("user", nil, "name:password of a user, may be repeated; none: whoever reaches the server may use it")
	flags.StringArray("admin", nil, "user who may purge, compact and say what is kept for how long, may be repeated; without users everybody may")
	flags.Bool("require-reason", false, "refuse edits without a reason (SET trellis.reason = '...')")
	flags.Duration("message-timeout", 20*time.Second, "how long a message that was begun may take to come, beside a second for each 64 KiB")
	flags.Int("max-connections", 0, "connections at once; 0: one for each 512 KiB of the memory limit")
	flags.Duration("shutdown-timeout", 30*time.Second, "how long a stop waits for calls that are under way")
}

// loadServeConfig reads the settings: a flag counts more than an environment variable,
// that more than the file, that more than the default.
func loadServeConfig(flags *pflag.FlagSet) (*serveConfig, error) {
	k := koanf.New(".")
	path, err := flags.GetString("config")
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = os.Getenv(envPrefix + "CONFIG")
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return nil, fmt.Errorf("configuration file %s: %w", path, err)
		}
		for _, key := range k.Keys() {
			if flags.Lookup(key) == nil || key == "config" {
				return nil, fmt.Errorf("configuration file %s: there is no setting %q: see trellis serve --help", path, key)
			}
			if err := checkText(flags.Lookup(key), k.Get(key)); err != nil {
				return nil, fmt.Errorf("configuration file %s: %w", path, err)
			}
		}
	}
	var wrong error
	environment := env.Provider(".", env.Opt{Prefix: envPrefix, TransformFunc: func(name, value string) (string, any) {
		key := settingOf(name)
		switch {
		case key == "" || value == "":
			return "", nil // a client's, or as if it was not there
		case flags.Lookup(key) == nil || key == "config":
			return "", nil // of some other program of ours
		case flags.Lookup(key).Value.Type() == "duration":
			wrong = errors.Join(wrong, checkText(flags.Lookup(key), value))
		case key == "user" || key == "admin":
			return key, strings.Split(value, ",")
		}
		return key, value
	}})
	if err := errors.Join(k.Load(environment, nil), wrong); err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	if err := k.Load(posflag.Provider(flags, ".", k), nil); err != nil {
		return nil, err
	}
	var c serveConfig
	if err := k.Unmarshal("", &c); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return &c, c.check()
}

// checkText refuses a time without a unit, or a negative one, in the file or the
// environment as its flag does.
func checkText(flag *pflag.Flag, value any) error {
	if flag.Value.Type() != "duration" {
		if n, ok := value.(int); ok && n < 0 {
			return fmt.Errorf("%s: %d: it cannot be negative", flag.Name, n)
		}
		return nil
	}
	text := fmt.Sprint(value)
	if d, err := time.ParseDuration(text); err != nil || d < 0 || strings.Trim(text, "0123456789") == "" {
		return fmt.Errorf("%s: %q: write a time with its unit, such as %s", flag.Name, text, flag.DefValue)
	}
	return nil
}

// settingOf returns the setting that an environment variable stands for; empty for those
// of clients. TRELLIS_USER is the one user that a client is, TRELLIS_USERS are those that
// a server knows.
func settingOf(name string) string {
	switch name {
	case envUser, envServer:
		return ""
	case envPrefix + "USERS":
		return "user"
	}
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", "-")
}

// unknownVariables returns the names of environment variables that look like settings of
// the server and are none.
func unknownVariables(flags *pflag.FlagSet, environ []string) (unknown []string) {
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if key := settingOf(name); strings.HasPrefix(name, envPrefix) && key != "" && flags.Lookup(key) == nil {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// check reports the first setting that cannot be.
func (c *serveConfig) check() error {
	switch {
	case c.Data == "":
		return errors.New("where is the data to be? Name a directory with --data, such as --data ./data")
	case len(c.Users) == 0 && os.Getenv(envUser) != "":
		return fmt.Errorf("%s is who a client is: name the users of a server in %sUSERS, or with --user; without users whoever reaches it may use it", envUser, envPrefix)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together: give both or neither")
	case c.TLSClientCA != "" && c.TLSCert == "":
		return errors.New("--tls-client-ca needs --tls-cert and --tls-key")
	case c.ShutdownTimeout < 0:
		return fmt.Errorf("--shutdown-timeout %s: write a time such as 30s", c.ShutdownTimeout)
	case c.MessageTimeout < time.Second:
		return fmt.Errorf("--message-timeout %s: at least 1s is needed", c.MessageTimeout)
	case c.MaxConnections < 0:
		return fmt.Errorf("--max-connections %d: write a number of connections, or 0", c.MaxConnections)
	case c.LogFormat != "text" && c.LogFormat != "json":
		return fmt.Errorf("--log-format %q: use text or json", c.LogFormat)
	}
	return nil
}

// logger returns the logger.
func (c *serveConfig) logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", c.LogLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts)), nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts)), nil
}

// memory shares out the limit.
func (c *serveConfig) memory() (memory.Shares, error) {
	if c.MemoryLimit == "" {
		return memory.Share(0), nil
	}
	n, err := humanize.ParseBytes(c.MemoryLimit)
	if err != nil {
		return memory.Shares{}, fmt.Errorf("--memory-limit %q: write a size such as 4GiB", c.MemoryLimit)
	}
	if n < memory.LeastLimit || n > 1<<50 {
		return memory.Shares{}, fmt.Errorf("--memory-limit %s: at least %s are needed", c.MemoryLimit, humanize.IBytes(memory.LeastLimit))
	}
	return memory.Share(int64(n)), nil
}

// connections returns how many there may be; 0: any number.
func (c *serveConfig) connections(shares memory.Shares) int {
	if c.MaxConnections > 0 {
		return c.MaxConnections
	}
	return int(shares.Connections)
}

// users returns the passwords by name; nil where there are no users.
func (c *serveConfig) users() (map[string]string, error) {
	var users map[string]string
	for _, text := range c.Users {
		name, password, ok := strings.Cut(text, ":")
		if !ok || name == "" || password == "" {
			return nil, errors.New("--user: write name:password")
		}
		if users == nil {
			users = map[string]string{}
		}
		if _, twice := users[name]; twice {
			return nil, fmt.Errorf("--user: %s is there twice", name)
		}
		users[name] = password
	}
	return users, nil
}

// tls returns the settings of TLS; nil without.
func (c *serveConfig) tls() (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", c.TLSCert, c.TLSKey, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if c.TLSClientCA != "" {
		pem, err := os.ReadFile(c.TLSClientCA)
		if err != nil {
			return nil, fmt.Errorf("--tls-client-ca: %w", err)
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--tls-client-ca: %s holds no certificate in PEM form", c.TLSClientCA)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

// admins returns the names of the administrators, each of whom has to be a user.
func (c *serveConfig) admins(users map[string]string) ([]string, error) {
	for _, name := range c.Admins {
		if _, ok := users[name]; !ok {
			return nil, fmt.Errorf("--admin %s: there is no such user: add --user %s:password", name, name)
		}
	}
	return c.Admins, nil
}

// names returns the names of the users, for the log.
func names(users map[string]string) []string {
	var out []string
	for name := range users {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
