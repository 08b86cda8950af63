package signature

import (
	"time"

	"bankconnector/crypto/cms"
)

// Told is a verdict as it is printed, and the JSON of signature verify.
type Told struct {
	Status      string     `json:"status"`
	Code        string     `json:"code,omitempty"`
	Detail      string     `json:"detail,omitempty"`
	Signer      string     `json:"signer,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"`
	SigningTime *time.Time `json:"signing_time,omitempty"`
	Text        string     `json:"text"`
}

// Tell puts a verdict into words, in "ru" or "en".
func Tell(v cms.Verdict, lang string) Told {
	out := Told{Status: string(v.Status), Code: v.Code, Detail: v.Detail, Text: v.Text(lang)}
	if v.Signer != nil {
		out.Signer, out.Fingerprint = v.Signer.Subject().Text, v.Signer.Fingerprint()
	}
	if !v.SigningTime.IsZero() {
		out.SigningTime = &v.SigningTime
	}
	return out
}
