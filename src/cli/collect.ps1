# Collects on a server what rdpwhy needs to say why Remote Desktop broke. Made by `rdpwhy collect`.
# Run it in an elevated PowerShell. It only reads: logs and settings are copied into one folder, nothing is changed.
# Run again, it writes over its own files and nothing else.
param([string]$Out = 'C:\Temp')

$ErrorActionPreference = 'Continue'
$folder = Join-Path $Out "rdpwhy-$env:COMPUTERNAME"
New-Item -ItemType Directory -Force -Path $folder | Out-Null
$isAdmin = ([Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()).IsInRole('Administrators')
if (-not $isAdmin) { Write-Warning 'Not elevated: the Security log and some settings will be missing.' }

# Logs, most telling first. A channel that this Windows does not have is passed over.
$channels = @(
@CHANNELS@
)
foreach ($channel in $channels) {
    $file = Join-Path $folder (($channel -replace '[/\\]', '_') + '.evtx')
    wevtutil epl "$channel" "$file" /ow:true@QUERY@ 2>$null
    if ($LASTEXITCODE -ne 0) { Write-Host "no log: $channel"; continue }
    # The texts of the events, in English, so that they can be read on any machine.
    wevtutil al "$file" /l:en-US 2>$null
    Write-Host "log: $channel"
}

# Settings and states. Each command only shows; its output goes into a file of its name.
function Show([string]$name, [scriptblock]$command) {
    & $command 2>&1 | Out-String -Width 400 | Set-Content -Encoding UTF8 (Join-Path $folder "$name.txt")
}
Show 'sessions' { qwinsta }
Show 'ports' { netstat -ano }
Show 'services-of-processes' { tasklist /svc }
Show 'service-config' { sc.exe qc TermService; sc.exe queryex TermService; sc.exe qc SessionEnv; sc.exe qc UmRdpService }
Show 'firewall-rules' { Get-NetFirewallRule -Group '@FirewallAPI.dll,-28752' | Format-Table Name, Enabled, Profile, Action, PolicyStoreSource }
Show 'network-profile' { Get-NetConnectionProfile }
Show 'addresses' { ipconfig /all }
Show 'certificates' { certutil -store 'Remote Desktop' }
Show 'key-folder' { icacls "$env:ProgramData\Microsoft\Crypto\RSA\MachineKeys" }
Show 'updates' { Get-HotFix | Sort-Object InstalledOn }
Show 'build' { Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion' | Format-List ProductName, CurrentBuild, UBR, InstallationType, EditionID }
Show 'clock' { w32tm /query /status }
Show 'domain' { if ((Get-CimInstance Win32_ComputerSystem).PartOfDomain) { nltest /sc_verify:$((Get-CimInstance Win32_ComputerSystem).Domain) } else { 'workgroup' } }
Show 'licensing' { Invoke-CimMethod -InputObject (Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TerminalServiceSetting) -MethodName GetGracePeriodDays }
reg.exe export 'HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server' (Join-Path $folder 'terminal-server.reg') /y 2>$null | Out-Null
reg.exe export 'HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services' (Join-Path $folder 'policies.reg') /y 2>$null | Out-Null
gpresult.exe /H (Join-Path $folder 'gpresult.html') /F 2>$null | Out-Null

Compress-Archive -Path (Join-Path $folder '*') -DestinationPath "$folder.zip" -Force
Write-Host "Done: $folder.zip. Bring it to a machine with rdpwhy and run: rdpwhy diagnose $(Split-Path -Leaf $folder).zip"
