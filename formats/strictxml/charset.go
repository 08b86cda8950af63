package strictxml

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// declarationText is what the XML declaration says.
type declarationText struct{ version, encoding string }

// decode judges size, encoding and characters, and returns the document as UTF-8 without a byte order mark.
func decode(data []byte, o Options) (string, *Fault) {
	refuse := func(ru, en string) (string, *Fault) {
		return "", &Fault{Path: "/", Line: 1, Code: CodeSchema, RU: ru, EN: en}
	}
	if len(data) > MaxBytes {
		return refuse("файл больше 10 МиБ", "the file is larger than 10 MiB")
	}
	body, marked := bytes.CutPrefix(data, []byte("\xEF\xBB\xBF"))
	if ru, en := strange(body); ru != "" {
		return refuse(ru, en)
	}
	d, _ := declared(string(body[:min(len(body), 256)]))
	switch strings.ToLower(d.encoding) {
	case "", "utf-8":
	case "windows-1251":
		if !o.Windows1251 {
			return refuse("кодировка windows-1251 с этим банком не согласована; нужна UTF-8",
				"encoding windows-1251 is not agreed with this bank; use UTF-8")
		}
		if marked || bytes.IndexFunc(body, func(r rune) bool { return r >= 0x80 }) >= 0 && utf8.Valid(body) {
			return refuse("объявлена windows-1251, а файл записан в UTF-8", "windows-1251 is declared but the file is UTF-8")
		}
		text, err := charmap.Windows1251.NewDecoder().Bytes(body)
		if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
			return refuse("в файле есть знак, которого нет в windows-1251", "the file holds an octet that windows-1251 does not define")
		}
		body = text
	default:
		return refuse("кодировка не допускается; нужна UTF-8", "this encoding is not allowed; use UTF-8")
	}
	src := string(body)
	if at := badCharacter(src); at >= 0 {
		return "", &Fault{
			Path: "/", Line: 1 + strings.Count(src[:at], "\n"), Code: CodeSchema,
			RU: "недопустимый знак или неверная последовательность UTF-8", EN: "a character that XML forbids, or broken UTF-8",
		}
	}
	return src, nil
}

// strange names the files that people send instead of an XML document.
func strange(body []byte) (ru, en string) {
	head := strings.ToLower(string(body[:min(len(body), 64)]))
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "файл пуст", "the file is empty"
	case strings.HasPrefix(head, "pk\x03\x04"):
		return "это архив ZIP, а не документ XML", "this is a ZIP archive, not an XML document"
	case strings.HasPrefix(head, "<!doctype html"), strings.HasPrefix(head, "<html"):
		return "это страница HTML (вероятно, сообщение об ошибке сервера), а не документ XML",
			"this is an HTML page (probably an error page of a server), not an XML document"
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("\xfe\xff")), len(body) > 1 && (body[0] == 0 || body[1] == 0):
		return "кодировка UTF-16 или UTF-32 не допускается; нужна UTF-8", "UTF-16 and UTF-32 are not allowed; use UTF-8"
	}
	return "", ""
}

// declared reads the XML declaration at the start of src; end is -1 when there is none or it is malformed.
func declared(src string) (d declarationText, end int) {
	rest, found := strings.CutPrefix(src, "<?xml")
	stop := strings.Index(rest, "?>")
	if !found || stop < 0 || stop > 200 {
		return d, -1
	}
	body := rest[:stop]
	for i, name := range []string{"version", "encoding", "standalone"} {
		after, ok := strings.CutPrefix(strings.TrimLeft(body, " \t\r\n"), name)
		if !ok {
			if i == 0 {
				return d, -1
			}
			continue
		}
		after, ok = strings.CutPrefix(strings.TrimLeft(after, " \t\r\n"), "=")
		after = strings.TrimLeft(after, " \t\r\n")
		if !ok || after == "" || !isBlank(body[0]) {
			return d, -1
		}
		value, tail, closed := strings.Cut(after[1:], after[:1])
		if !closed || (after[0] != '"' && after[0] != '\'') {
			return d, -1
		}
		switch name {
		case "version":
			d.version = value
		case "encoding":
			d.encoding = value
		default:
			if value != "yes" && value != "no" {
				return d, -1
			}
		}
		body = tail
	}
	if strings.Trim(body, " \t\r\n") != "" {
		return d, -1
	}
	return d, len("<?xml") + stop + len("?>")
}

// badCharacter returns the place of the first octet that XML or UTF-8 forbids, or -1.
func badCharacter(src string) int {
	for i := 0; i < len(src); {
		if b := src[i]; b < utf8.RuneSelf {
			if b < 0x20 && !isBlank(b) {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(src[i:])
		if r == utf8.RuneError && size == 1 || !allowed(r) {
			return i
		}
		i += size
	}
	return -1
}
