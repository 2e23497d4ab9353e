module link_emulator

go 1.23
