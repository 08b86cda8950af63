package mailbox

import "path"

// What a person does about a step of the check that failed, in plain words.

func (c *checkup) rights() Text {
	return Text{
		RU: "Проверьте имена папок и попросите у банка права: создавать, переименовывать, читать и удалять в " + c.route.toBank + ", читать и переименовывать в " + c.route.fromBank + ".",
		EN: "Check the names of the folders and ask the bank for the rights: create, rename, read and remove in " + c.route.toBank + ", read and rename in " + c.route.fromBank + ".",
	}
}

func renameFix() Text {
	return Text{
		RU: "Переименование не работает. Попросите у банка право на переименование или задайте delivery.mode: marker.",
		EN: "Renaming does not work. Ask the bank for the right to rename, or set delivery.mode: marker.",
	}
}

func (c *checkup) removeFix() Text {
	return Text{
		RU: "Удаление не разрешено: временные файлы прерванных передач останутся у банка. Попросите право удалять; " + path.Base(c.moved) + " удалите вручную.",
		EN: "Removal is not allowed: temporary files of interrupted uploads will stay at the bank. Ask for the right to remove; remove " + path.Base(c.moved) + " by hand.",
	}
}

func clockFix() Text {
	return Text{
		RU: "Часы банка и наши расходятся. Проверьте нашу синхронизацию (timedatectl); если она в порядке, сообщите банку.",
		EN: "The bank's clock and ours differ. Check our synchronisation (timedatectl); if it is in order, tell the bank.",
	}
}
