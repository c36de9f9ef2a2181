package postgres

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"nems/internal/directory"
)

// columnsOf are the columns of a part's tables, beside key and n, that a row of a file
// fills. encode writes them in this order.
var columnsOf = map[directory.Kind][]string{
	directory.KindPatients:      {"superseded", "born", "flags", "family", "given", "postcode", "gp"},
	directory.KindOrganisations: {"name", "sub_icb", "practice", "closed"},
	directory.KindPostcodes:     {"sub_icb", "authority", "country"},
}

// copyText writes rows in the text format of COPY.
type copyText struct{ bytes.Buffer }

// copyEscapes are what COPY reads as something else, and the byte that PostgreSQL keeps
// in no text.
var copyEscapes = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", "\ufffd")

func (c *copyText) begin(key string, n int64) {
	_, _ = copyEscapes.WriteString(c, key)
	c.number(n)
}

func (c *copyText) text(s string) {
	c.WriteByte('\t')
	if strings.ContainsAny(s, "\\\t\n\r\x00") {
		_, _ = copyEscapes.WriteString(c, s)
		return
	}
	c.WriteString(s)
}

func (c *copyText) number(n int64) {
	c.WriteByte('\t')
	c.Write(strconv.AppendInt(c.AvailableBuffer(), n, 10))
}

func (c *copyText) null() { c.WriteString("\t\\N") }

func (c *copyText) flag(b bool) { c.text(strconv.FormatBool(b)) }

func (c *copyText) end() { c.WriteByte('\n') }

func (c *copyText) patient(p *directory.Patient, n int64) error {
	row := rowOf(p)
	c.begin(p.NHSNumber.Digits(), n)
	if row.superseded != nil {
		c.number(*row.superseded)
	} else {
		c.null()
	}
	if row.born != nil {
		c.number(int64(*row.born))
	} else {
		c.null()
	}
	c.number(int64(row.flags))
	c.text(p.Family)
	given, err := json.Marshal(p.Given)
	if err != nil {
		return err
	}
	c.text(string(given))
	c.text(p.Postcode)
	c.text(string(p.GP))
	c.end()
	return nil
}

func (c *copyText) organisation(o *directory.Organisation, n int64) {
	c.begin(string(o.Code), n)
	c.text(o.Name)
	c.text(string(o.SubICB))
	c.flag(o.Practice)
	c.flag(o.Closed)
	c.end()
}

func (c *copyText) postcode(p *directory.PostcodePlaces, n int64) error {
	key, ok := postcodeKey(p.Postcode)
	if !ok {
		return fmt.Errorf("row %d: a postcode has two to eight letters and digits", n)
	}
	c.begin(key, n)
	c.text(p.SubICB)
	c.text(p.LocalAuthority)
	c.text(p.Country)
	c.end()
	return nil
}

// copyInto is the statement that reads the rows.
func copyInto(table string, kind directory.Kind) string {
	return fmt.Sprintf("COPY %s (key, n, %s) FROM STDIN", table, strings.Join(columnsOf[kind], ", "))
}

// mergeInto is the statement that lays the rows of one table over those of another. A
// row that says the same is left alone.
func mergeInto(base, from string, kind directory.Kind) string {
	columns := columnsOf[kind]
	list := strings.Join(columns, ", ")
	excluded := "excluded." + strings.Join(columns, ", excluded.")
	return fmt.Sprintf(`INSERT INTO %s AS b (key, n, %s) SELECT DISTINCT ON (key) key, n, %s FROM %s ORDER BY key, n DESC
		ON CONFLICT (key) DO UPDATE SET (%s) = ROW(%s) WHERE (b.%s) IS DISTINCT FROM (%s)`,
		base, list, list, from, list, excluded, strings.Join(columns, ", b."), excluded)
}
