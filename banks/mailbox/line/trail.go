package line

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Trail is how far a connection came.
type Trail struct {
	Remote    net.Addr // nil: no TCP connection
	Banner    string   // the server's first line, as it came
	HostKey   string   // type and fingerprint that the server showed; "" = algorithms were not agreed
	Trusted   bool     // it is a pinned one
	Offered   []string // login methods that the server would accept
	Ours      []string // what the profile has
	LoggedIn  bool
	Algorithm string // agreed algorithms, for people

	stranger error // why the host key was refused
	asked    bool  // the server let us try to log in
}

// Step is one step of a connection: whether it was made, what should be, what was found, and in
// Russian and English what a person does if it was not made.
type Step struct {
	Done                   bool
	Name, Expected, Actual string
	RU, EN                 string
}

// Steps tells the trail step by step, in the order in which they are made; open says whether the
// file protocol was opened on the line.
func (t *Trail) Steps(c Config, open bool) []Step {
	login := "offered " + List(t.Offered) + ", ours " + List(t.Ours) + ":"
	if t.LoggedIn {
		login = "logged in"
	}
	greeted := strings.HasPrefix(t.Banner, "SSH-2.0-") || strings.HasPrefix(t.Banner, "SSH-1.99-")
	return []Step{
		{
			t.Remote != nil, "tcp", "a connection to " + c.Address, "",
			"Соединения нет. Проверьте порт, межсетевой экран и маршрут; спросите банк, внесён ли наш внешний адрес в разрешённые.",
			"No connection. Check the port, the firewall and the route; ask the bank whether our public address is on its allow list.",
		},
		{
			greeted, "banner", "a line that begins with SSH-2.0-", Quote(t.Banner),
			"На этом порту отвечает не SSH-сервер, или он молчит. Проверьте sftp.port; спросите банк о состоянии сервера и балансировщика.",
			"What answers on this port is not an SSH server, or it is silent. Check sftp.port; ask the bank about its server and balancer.",
		},
		{
			t.HostKey != "", "kex", "algorithms that both sides have", t.Algorithm,
			"Не удалось договориться об алгоритмах. Попросите банк включить современные (curve25519-sha256, ssh-ed25519, aes256-gcm); временно можно задать sftp.algorithms для этого банка.",
			"No agreement on algorithms. Ask the bank to enable current ones (curve25519-sha256, ssh-ed25519, aes256-gcm); for the time being sftp.algorithms can be set for this bank.",
		},
		{
			t.Trusted, "host key", newPins(c.SFTP.HostKeys, c.Now).String(), t.HostKey,
			"Ключ сервера не тот, что закреплён. Ничего не передано. Позвоните в банк и сверьте отпечаток; только если банк подтвердит, добавьте ключ в host_keys.",
			"The server's key is not the pinned one. Nothing was sent. Telephone the bank and compare the fingerprint; only if the bank confirms it, add the key to host_keys.",
		},
		{
			t.LoggedIn, "login", "user " + c.SFTP.User + " is let in", login,
			"Банк не пустил нас. Отправьте банку наш открытый ключ и имя пользователя; спросите, с каких адресов разрешён вход и не заблокирована ли учётная запись.",
			"The bank did not let us in. Send the bank our public key and the user name; ask from which addresses login is allowed and whether the account is locked.",
		},
		{
			open, "sftp", "the file protocol opens", "",
			"Вход выполнен, но протокол SFTP не открылся. Попросите банк разрешить подсистему sftp для этого пользователя.",
			"The login worked, the SFTP protocol did not open. Ask the bank to allow the sftp subsystem for this user.",
		},
	}
}

// fault turns an error of the handshake into one that says what a person must do, if any.
func (t *Trail) fault(c Config, err, late error) *Fault {
	var none *ssh.AlgorithmNegotiationError
	switch {
	case t.stranger != nil:
		return &Fault{Op: "check the host key of", Operator: true, Err: t.stranger}
	case errors.As(err, &none):
		return &Fault{Op: "agree on algorithms with", Operator: true, Err: fmt.Errorf(
			"no common algorithm for %s: the server has %s, this profile allows %s; ask its owner for a current algorithm, or for its key of that type",
			none.What, List(none.RequestedAlgorithms), List(none.SupportedAlgorithms))}
	case late != nil:
		return &Fault{Op: "greet", Err: fmt.Errorf("no session within the time for the handshake (greeting so far %s): %w", Quote(t.Banner), late)}
	case t.Trusted && t.asked:
		return &Fault{Op: "log in to", Operator: true, Err: fmt.Errorf(
			"the server did not let %q in; it offered %s, we have %s; "+
				"ask its owner whether this key or password is registered for this user and from which addresses: %s",
			c.SFTP.User, List(t.Offered), List(t.Ours), Cut(err.Error()))}
	}
	return &Fault{Op: "greet", Err: fmt.Errorf("no SSH with a server that greets %s: %w", Quote(t.Banner), err)}
}
