package vault

import (
	"cmp"
	"net"
	"path"
	"strconv"
	"time"

	"bankconnector/banks"
)

// Config is where a vault is and who opens it. The meaning of every key stands in config.example.yaml.
type Config struct {
	Host         string          `yaml:"host" jsonschema:"required,minLength=1,maxLength=253"`
	Port         int             `yaml:"port,omitempty" jsonschema:"default=22,minimum=1,maximum=65535"`
	User         string          `yaml:"user" jsonschema:"required,minLength=1,maxLength=128"`
	KeyFile      string          `yaml:"key_file,omitempty" resolve:"path"`
	PasswordFile string          `yaml:"password_file,omitempty" resolve:"path"`
	HostKeys     []banks.HostKey `yaml:"host_keys" jsonschema:"required,minItems=1,maxItems=32"`
	Folder       string          `yaml:"folder" jsonschema:"required,pattern=^/"`
	Timeout      time.Duration   `yaml:"timeout,omitempty" jsonschema:"default=2m,minimum=1s,maximum=1h"`
}

// Check refuses what would be refused of a bank's road, and a folder that is not a clean path.
func (c *Config) Check() banks.Problems {
	road := c.road()
	road.ToBank, road.FromBank = "/to-bank", "/from-bank" // a vault has neither
	problems := road.Check()
	if c.Folder != path.Clean(c.Folder) || c.Folder == "/" {
		problems = append(problems, banks.Problem{Path: "folder", Text: "must be a clean absolute path of a folder below /"})
	}
	return problems
}

// road is the configuration in the words of the room line.
func (c *Config) road() *banks.SFTP {
	return &banks.SFTP{Host: c.Host, Port: c.Port, User: c.User, KeyFile: c.KeyFile, PasswordFile: c.PasswordFile, HostKeys: c.HostKeys}
}

func (c *Config) address() string {
	return net.JoinHostPort(c.Host, strconv.Itoa(cmp.Or(c.Port, 22)))
}

// String is the place for people and logs, as a URL.
func (c *Config) String() string { return "sftp://" + c.User + "@" + c.address() + c.Folder }
