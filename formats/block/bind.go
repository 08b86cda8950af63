package block

import (
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// One declares a required text of a form.
func One[S ~string](name string, p *S, form strictxml.Rule) strictxml.Part {
	return strictxml.One(name, strictxml.Text(p, form))
}

// Maybe declares an optional text of a form.
func Maybe[S ~string](name string, p *S, form strictxml.Rule) strictxml.Part {
	return strictxml.Maybe(name, strictxml.Text(p, form))
}

// Number declares an optional whole number; Required makes it required.
func Number(name string, p *int, least, most int) strictxml.Part {
	return strictxml.Maybe(name, strictxml.Number(p, strictxml.Range[int]{Least: least, Most: most}))
}

// Coded declares a required code that is a number of so many digits.
func Coded(name string, p *int, width int, among ...int) strictxml.Part {
	return strictxml.One(name, strictxml.Number(p, strictxml.Range[int]{Among: among, Width: width}))
}

// Day declares an optional date without a rule of its own; Judge.Day has one.
func Day(name string, p *Date) strictxml.Part { return Maybe(name, p, check.Date) }

// Ordered records a fault of the child when the later date stands before the earlier one; absent dates do not count.
func Ordered(c *strictxml.Cursor, child string, earlier, later Date) {
	if earlier != "" && later != "" && later < earlier {
		c.Add(strictxml.CodeLogic, child, why{"дата раньше даты, за которой она должна следовать", "the date is before the date that it must follow"})
	}
}
