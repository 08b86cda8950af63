package formats

import (
	"bankconnector/formats/block"
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Query asks a bank for a debtor's accounts (ExtRequest; 229-ФЗ ст. 69 ч. 8-10, answer within 7 working days).
type Query struct {
	InternalKey string
	PackID      string
	PackNumber  string
	PackDate    Date
	DocDate     Date
	DocNum      string
	DocCode     string   // O_IP_REQ_BANK_ACCOUNTS
	AnsDate     Date     // latest date of the answer
	KindData    []string // 09 accounts and balances, 10 depo accounts
	PeriodStart Date     // turnover asked for, may be absent
	PeriodEnd   Date
	SPIFio      string
	SPIPost     string
	SPIPhone    string
	OspCode     string
	IP          Proceedings
	Data        []Data
}

// queryCode is the only code of a query.
const queryCode = "O_IP_REQ_BANK_ACCOUNTS"

// Kind is KindQuery.
func (q *Query) Kind() Kind { return KindQuery }

// Key is the InternalKey.
func (q *Query) Key() string { return q.InternalKey }

func (q *Query) shape(j *block.Judge) shape {
	return shape{
		Parts: []part{
			block.One("InternalKey", &q.InternalKey, check.ID),
			block.One("PackId", &q.PackID, check.ID),
			block.One("PackNumber", &q.PackNumber, check.Key(25)),
			j.Day("PackDate", &q.PackDate).Required(),
			j.Day("DocDate", &q.DocDate).Required(),
			block.One("DocNum", &q.DocNum, check.Key(25)),
			block.One("DocCode", &q.DocCode, check.OneOf(queryCode)),
			block.Day("AnsDate", &q.AnsDate).Required(),
			strictxml.Leaves("KindData", &q.KindData, check.OneOf("09", "10"), true),
			block.Day("PeriodStart", &q.PeriodStart),
			block.Day("PeriodEnd", &q.PeriodEnd),
			block.One("SPIFio", &q.SPIFio, check.Text(200)),
			block.One("SPIPost", &q.SPIPost, check.Text(200)),
			block.Maybe("SPIPhone", &q.SPIPhone, check.Text(50)),
			block.One("OspCode", &q.OspCode, check.Digits(5)),
			strictxml.Block("IP", &q.IP, j.Proceedings),
			strictxml.Blocks("Data", &q.Data, j.QueryData),
		},
		Check: func(c *cursor) {
			block.Ordered(c, "AnsDate", q.DocDate, q.AnsDate)
			block.Ordered(c, "PeriodEnd", q.PeriodStart, q.PeriodEnd)
			block.Identified(c, &q.IP, q.Data)
			for i, kind := range q.KindData {
				if i > 0 && kind == q.KindData[0] {
					c.Add(StateBadLogic, "", why{"вид сведений KindData повторяется", "the kind of data KindData is doubled"})
				}
			}
		},
	}
}
