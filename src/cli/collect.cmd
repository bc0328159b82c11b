@echo off
rem Collects on a server what rdpwhy needs to say why Remote Desktop broke. Made by `rdpwhy collect --shell cmd`.
rem Run it as administrator. It only reads: logs and settings are copied into one folder, nothing is changed.
rem Run again, it writes over its own files and nothing else.
setlocal
set "OUT=%~1"
if "%OUT%"=="" set "OUT=C:\Temp"
set "FOLDER=%OUT%\rdpwhy-%COMPUTERNAME%"
if not exist "%FOLDER%" mkdir "%FOLDER%"

rem Logs, most telling first. A channel that this Windows does not have is passed over.
@CHANNELS@

rem Settings and states. Each command only shows; its output goes into a file of its name.
qwinsta > "%FOLDER%\sessions.txt" 2>&1
netstat -ano > "%FOLDER%\ports.txt" 2>&1
tasklist /svc > "%FOLDER%\services-of-processes.txt" 2>&1
sc qc TermService > "%FOLDER%\service-config.txt" 2>&1
sc queryex TermService >> "%FOLDER%\service-config.txt" 2>&1
netsh advfirewall firewall show rule name=all > "%FOLDER%\firewall-rules.txt" 2>&1
netsh advfirewall show allprofiles > "%FOLDER%\firewall-profiles.txt" 2>&1
ipconfig /all > "%FOLDER%\addresses.txt" 2>&1
certutil -store "Remote Desktop" > "%FOLDER%\certificates.txt" 2>&1
icacls "%ProgramData%\Microsoft\Crypto\RSA\MachineKeys" > "%FOLDER%\key-folder.txt" 2>&1
w32tm /query /status > "%FOLDER%\clock.txt" 2>&1
if defined USERDNSDOMAIN nltest /sc_verify:%USERDNSDOMAIN% > "%FOLDER%\domain.txt" 2>&1
reg query "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion" > "%FOLDER%\build.txt" 2>&1
reg export "HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server" "%FOLDER%\terminal-server.reg" /y >nul 2>&1
reg export "HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services" "%FOLDER%\policies.reg" /y >nul 2>&1
gpresult /H "%FOLDER%\gpresult.html" /F >nul 2>&1

rem tar makes the archive from Windows 10 1803 on; before that, pack the folder by hand.
where tar >nul 2>&1 && tar -a -c -f "%FOLDER%.zip" -C "%OUT%" "rdpwhy-%COMPUTERNAME%"
echo Done: %FOLDER%. Bring it or its .zip to a machine with rdpwhy and run: rdpwhy diagnose rdpwhy-%COMPUTERNAME%.zip
endlocal
exit /b 0

:log
wevtutil epl "%~1" "%FOLDER%\%~2.evtx" /ow:true@QUERY@ 2>nul
if errorlevel 1 echo no log: %~1& exit /b 0
rem The texts of the events, in English, so that they can be read on any machine.
wevtutil al "%FOLDER%\%~2.evtx" /l:en-US 2>nul
echo log: %~1
exit /b 0
