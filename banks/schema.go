package banks

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
)

// Forms of values in the schema. They are a little wider than what the decoder takes, never narrower.
const (
	durationForm = `^([0-9]*\.?[0-9]*(ns|us|µs|μs|ms|s|m|h))+$`
	sizeForm     = `^(0|[1-9][0-9]*) *(KiB|MiB|GiB)$`
	momentForm   = `^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(T[0-9:.,]+(Z|[+-][0-9:]+))?$`
	hostKeyForm  = `^(SHA256:[A-Za-z0-9+/]{43}|(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa) [A-Za-z0-9+/]+=*( .*)?)$`
)

// Schema returns the JSON Schema (draft 2020-12) of a bank file, for editors: it completes keys and marks mistakes
// while a file is written. What only [Load] can know (check digits, files, other banks) is not in it.
func Schema() ([]byte, error) { return SchemaOf(&Bank{}, "bankconnector: one bank", example) }

// SchemaOf returns the JSON Schema of what [Decode] reads into a struct. The comments of a commented file that has
// every key become the descriptions.
func SchemaOf(into any, title, commented string) ([]byte, error) {
	r := jsonschema.Reflector{
		Anonymous:                  true,
		ExpandedStruct:             true,
		DoNotReference:             true,
		RequiredFromJSONSchemaTags: true,
		FieldNameTag:               "yaml",
		Mapper:                     form,
	}
	s := r.Reflect(into)
	s.Title = title
	finish(s, "", notes(commented))
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(text, '\n'), nil
}

// form gives the schema of the types that a file writes as text.
func form(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	switch t {
	case reflect.TypeFor[ID]():
		return text("^04[0-9]{7}$")
	case reflect.TypeFor[time.Duration]():
		return text(durationForm)
	case reflect.TypeFor[Size]():
		return text(sizeForm)
	case reflect.TypeFor[time.Time]():
		return text(momentForm)
	case reflect.TypeFor[HostKey]():
		dated := jsonschema.NewProperties()
		dated.Set("key", text(hostKeyForm))
		dated.Set("from", text(momentForm))
		dated.Set("until", text(momentForm))
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			text(hostKeyForm),
			{Type: "object", Properties: dated, Required: []string{"key"}, AdditionalProperties: jsonschema.FalseSchema},
		}}
	}
	return nil
}

// finish writes into the schema what no tag says: what a key means, that a text is never empty, that a schedule has
// one rule and a login at least one proof.
func finish(s *jsonschema.Schema, path string, notes map[string]string) {
	if s.Type == "string" && s.MinLength == nil {
		one := uint64(1)
		s.MinLength = &one
	}
	if s.Items != nil {
		finish(s.Items, path, notes)
	}
	for _, one := range s.OneOf {
		finish(one, path, notes)
	}
	if s.Properties == nil {
		return
	}
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		at := strings.TrimPrefix(path+"."+p.Key, ".")
		p.Value.Description = notes[at]
		finish(p.Value, at, notes)
	}
	switch path {
	case "schedule":
		s.OneOf = either("cron", "every")
	case "sftp":
		s.AnyOf = either("key_file", "password_file")
	}
}

// either makes the alternatives in which one of the keys is there.
func either(keys ...string) []*jsonschema.Schema {
	var list []*jsonschema.Schema
	for _, key := range keys {
		list = append(list, &jsonschema.Schema{Required: []string{key}})
	}
	return list
}
