package mailbox

import (
	"cmp"
	"errors"
	"net"
	"path"
	"strconv"
	"strings"
	"time"

	"bankconnector/banks"
	"bankconnector/banks/mailbox/line"
)

// Delivery modes of a profile.
const (
	doneSuffix = ".done" // ends the name of a marker

	modeAuto   = "auto"
	modePosix  = "posix-rename"
	modeRename = "rename"
	modeMarker = "marker"
	modeDirect = "direct"
	modeBlind  = "blind" // a drop box: nothing in to_bank can be listed, looked at, read or removed
)

// route is what this package takes from a bank's profile, with a default for what is not set.
type route struct {
	bank      *banks.Bank
	addr      string
	toBank    string
	temp      string // folder of temporary names
	fromBank  string
	claimed   string // folder of claimed names
	mode      string
	leave     bool
	stable    time.Duration
	marker    string
	timeout   time.Duration // longest silence of the bank while it owes an answer
	keepalive time.Duration
	files     int   // entries taken from one listing
	fileSize  int64 // octets of one file
	parallel  int   // files open at once
}

func newRoute(b *banks.Bank) (*route, error) {
	r := &route{
		bank:      b,
		addr:      net.JoinHostPort(b.SFTP.Host, strconv.Itoa(cmp.Or(b.SFTP.Port, 22))),
		toBank:    cmp.Or(b.SFTP.ToBank, "/to-bank"),
		fromBank:  cmp.Or(b.SFTP.FromBank, "/from-bank"),
		mode:      cmp.Or(b.Delivery.Mode, modeAuto),
		leave:     b.Pickup.Mode == "leave",
		stable:    b.Pickup.StableFor,
		marker:    b.Pickup.DoneMarker,
		timeout:   cmp.Or(b.SFTP.Timeout, 30*time.Second),
		keepalive: cmp.Or(b.SFTP.Keepalive, 15*time.Second),
		files:     cmp.Or(b.Limits.Files, 10_000),
		fileSize:  cmp.Or(int64(b.Limits.FileSize), 16<<20),
		parallel:  cmp.Or(b.Limits.Parallel, 96),
	}
	r.temp = cmp.Or(b.Delivery.TempFolder, r.toBank)
	r.claimed = path.Join(r.fromBank, ClaimedFolder)
	for _, folder := range []string{r.toBank, r.fromBank, r.temp} {
		if folder != path.Clean(folder) || strings.ContainsRune(folder, 0) {
			return nil, r.fault("read the profile", errors.New("folder "+line.Quote(folder)+" is not a clean path"))
		}
	}
	if b.SFTP.Host == "" || b.SFTP.User == "" || len(b.SFTP.HostKeys) == 0 {
		return nil, r.fault("read the profile", errors.New("sftp needs host, user and at least one of host_keys"))
	}
	return r, nil
}

// fault is an error that only a person can mend.
func (r *route) fault(op string, err error) *Error {
	return &Error{Op: op, Path: r.addr, Kind: Operator, Err: err}
}

// atOnce tells that a document is written under its final name in one go, by Publish.
func (r *route) atOnce() bool { return r.mode == modeDirect || r.mode == modeBlind }

// sent is where Upload puts the bytes of a document.
func (r *route) sent(temp, final string) string {
	if r.mode == modeMarker {
		return path.Join(r.toBank, final)
	}
	return path.Join(r.temp, temp)
}

// shown is the name whose appearance tells the bank that a document is there.
func (r *route) shown(final string) string {
	if r.mode == modeMarker {
		final += doneSuffix
	}
	return path.Join(r.toBank, final)
}

// taken is where a file lies that is to be fetched.
func (r *route) taken(name string) string {
	if r.leave {
		return path.Join(r.fromBank, name)
	}
	return path.Join(r.claimed, name)
}
