# Installs larder: downloads the release for this machine and verifies its SHA-256 sum.
#
#   irm https://github.com/larder-oci/larder/releases/latest/download/install.ps1 | iex
#
# LARDER_VERSION   the version to install, such as 0.1.0 (default: the latest)
# LARDER_INSTALL   the folder to install into (default: ~\.local\bin)
# LARDER_RELEASES  the URL of the releases (default: https://github.com/larder-oci/larder/releases)

function Install-Larder {
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue' # The progress bar of Windows PowerShell makes downloads many times slower.
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12

    $releases = if ($env:LARDER_RELEASES) { $env:LARDER_RELEASES } else { 'https://github.com/larder-oci/larder/releases' }
    $folder = if ($env:LARDER_INSTALL) { $env:LARDER_INSTALL } else { Join-Path (Join-Path $HOME '.local') 'bin' }
    $address = if (-not $env:LARDER_VERSION) { "$releases/latest/download" }
    elseif ($env:LARDER_VERSION -match '^v?([0-9A-Za-z.+-]+)$') { "$releases/download/v$($Matches[1])" }
    else { throw "install: LARDER_VERSION is `"$env:LARDER_VERSION`", which is not a version" }

    $machine = switch ([Runtime.InteropServices.RuntimeInformation]::OSArchitecture) {
        'X64' { 'x86_64' }
        'Arm64' { 'aarch64' }
        default { throw "install: there is no larder for $_ processors" }
    }
    $target = if ($IsLinux) { "$machine-unknown-linux-gnu" }
    elseif ($IsMacOS) { "$machine-apple-darwin" }
    else { "$machine-pc-windows-msvc" }
    $suffix = if ($target -like '*windows*') { '.exe' } else { '' }
    $name = "larder-$target$suffix"

    $work = Join-Path ([IO.Path]::GetTempPath()) "larder-$([Guid]::NewGuid())"
    $staged = $null
    try {
        $null = New-Item -ItemType Directory -Path $work
        $sums = Join-Path $work 'SHA256SUMS'
        $download = Join-Path $work $name
        Invoke-WebRequest -UseBasicParsing -Uri "$address/SHA256SUMS" -OutFile $sums
        Invoke-WebRequest -UseBasicParsing -Uri "$address/$name" -OutFile $download

        $line = Get-Content $sums | Where-Object { ($_ -split '\s+\*?', 2)[1] -ceq $name }
        if (-not $line) { throw "install: SHA256SUMS does not name $name" }
        $expected = ($line -split '\s+', 2)[0]
        $actual = (Get-FileHash -Algorithm SHA256 $download).Hash
        if ($actual -ne $expected) {
            throw "install: the sum of $name is $actual, but SHA256SUMS says ${expected}: nothing was installed"
        }

        $null = New-Item -ItemType Directory -Force -Path $folder
        $larder = Join-Path $folder "larder$suffix"
        $staged = Join-Path $folder ".larder.$PID$suffix"
        Copy-Item $download $staged
        if (-not $suffix) { chmod 755 $staged }
        $version = & $staged --version
        if ($LASTEXITCODE -ne 0) { throw "install: the larder for $target does not run on this machine" }
        # Both are atomic: at every moment there is either the old or the new file.
        if (Test-Path $larder) { [IO.File]::Replace($staged, $larder, [NullString]::Value) }
        else { [IO.File]::Move($staged, $larder) }
        Write-Output "installed $version", "       as $larder"
    }
    finally {
        if ($staged -and (Test-Path $staged)) { Remove-Item -Force $staged }
        if (Test-Path $work) { Remove-Item -Recurse -Force $work }
    }
    if (($env:PATH -split [IO.Path]::PathSeparator) -notcontains $folder) {
        Write-Output "$folder is not on your PATH: add it in your system's settings"
    }
}

# The last line is the only one that runs anything, so a truncated script does nothing.
Install-Larder
