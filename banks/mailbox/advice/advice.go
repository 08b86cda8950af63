// Package advice is what a person does about a step of a bank's check that failed, in plain
// words. It calls no other room.
package advice

// Text is one sentence in the two languages of the program.
type Text struct {
	RU string `json:"ru"`
	EN string `json:"en"`
}

// Rights are what is needed in the two folders.
func Rights(toBank, fromBank string) Text {
	return Text{
		RU: "Проверьте имена папок и попросите у банка права: создавать, переименовывать, читать и удалять в " + toBank + ", читать и переименовывать в " + fromBank + ".",
		EN: "Check the names of the folders and ask the bank for the rights: create, rename, read and remove in " + toBank + ", read and rename in " + fromBank + ".",
	}
}

// Rename is for a server that does not rename.
func Rename() Text {
	return Text{
		RU: "Переименование не работает. Попросите у банка право на переименование или задайте delivery.mode: marker.",
		EN: "Renaming does not work. Ask the bank for the right to rename, or set delivery.mode: marker.",
	}
}

// Remove is for a server that lets nothing be removed, also not the file that stays behind.
func Remove(file string) Text {
	return Text{
		RU: "Удаление не разрешено: временные файлы прерванных передач останутся у банка. Попросите право удалять; " + file + " удалите вручную.",
		EN: "Removal is not allowed: temporary files of interrupted uploads will stay at the bank. Ask for the right to remove; remove " + file + " by hand.",
	}
}

// Clock is for clocks that differ.
func Clock() Text {
	return Text{
		RU: "Часы банка и наши расходятся. Проверьте нашу синхронизацию (timedatectl); если она в порядке, сообщите банку.",
		EN: "The bank's clock and ours differ. Check our synchronisation (timedatectl); if it is in order, tell the bank.",
	}
}

// Names is for a server that shows a file under another name than it was given.
func Names() Text {
	return Text{
		RU: "Сервер меняет имена файлов, и банк увидит не те документы. Попросите банк хранить имена как есть: регистр букв, до 110 знаков, латинские буквы, цифры и . _ -.",
		EN: "The server changes the names of files, so the bank would see other documents. Ask the bank to keep names as they are: upper and lower case, up to 110 characters, Latin letters, digits and . _ -.",
	}
}
